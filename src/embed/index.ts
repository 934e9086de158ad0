export { type EmbedEvent, type EmbedOptions, type EmbedResult, embedSource } from './embed.ts';
