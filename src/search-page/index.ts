export { type EmbeddingPageOptions, pageOfEmbedding } from './from-embedding.ts';
