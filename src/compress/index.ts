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
export {
  type DinoLengths,
  dinoCost,
  imageTowerCost,
  type Lengths,
  mocoV3Cost,
  simclrCost,
} from './cost.ts';
export { type DropPath, dropPathScales } from './drop-path.ts';
export { type GridAxes, gridOf, type Strategy } from './grid.ts';
export { patchScaling, patchScalingTensor, scaleKernel } from './patch-scaling.ts';
export { type SequencePlanOptions, sequencePlan } from './plan.ts';
export { compressionSchedule, compressionStages, readScheduleFile } from './schedule.ts';
export {
  type CompressionConfig,
  type CompressionStage,
  compressionSchema,
  type OnlineConfig,
  type ScheduleFile,
  scheduleFileSchema,
} from './schema.ts';
export type { StepRows } from './step-random.ts';
export { type StepTimes, secondsOf, stepTimesSchema } from './step-times.ts';
export { keepTokens } from './token-dropout.ts';
