import { clip } from './clip.ts';
import { fastclip } from './fastclip.ts';
import type { MethodDefinition } from './method.ts';

/** Every method by name. To add one: write its file, and its line here. */
export const methods: Record<string, MethodDefinition> = { clip, fastclip };

export type { Batch, Method, MethodContext, MethodDefinition } from './method.ts';
