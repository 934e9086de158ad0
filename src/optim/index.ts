export { AdamW, type AdamWOptions } from './adamw.ts';
export { clipGradNorm } from './clip-grad.ts';
export { decayGroups, type ParamGroup } from './groups.ts';
export type { Optimizer } from './optimizer.ts';
