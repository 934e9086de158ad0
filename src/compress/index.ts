export {
  type Compression,
  checkCompression,
  keptTokens,
  noCompression,
  patchCount,
  patchSizesThatFit,
  type SequencePlan,
  sequenceLength,
} from './compression.ts';
export { type DropPath, dropPathScales } from './drop-path.ts';
export { patchScaling, patchScalingTensor, scaleKernel } from './patch-scaling.ts';
export { type SequencePlanOptions, sequencePlan } from './plan.ts';
export type { StepRows } from './step-random.ts';
export { keepTokens } from './token-dropout.ts';
