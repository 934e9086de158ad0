export {
  type Compression,
  keyOf,
  noCompression,
  refuseResNet,
  type SequencePlan,
  sequenceLength,
} from './compression.ts';
export { costOfPasses, type SequencePass } from './cost.ts';
export type { DropPath } from './drop-path.ts';
export { type Candidate, gridOf } from './grid.ts';

export { compressionSchedule, compressionStages, readScheduleFile } from './schedule.ts';
export {
  type CompressionConfig,
  type OnlineConfig,
  type ScheduleFile,
  scheduleFileSchema,
} from './schema.ts';
export { sequencePlan } from './sequence-plan.ts';
export type { StepRows } from './step-random.ts';
export { type StepTimes, secondsOf, stepTimesSchema } from './step-times.ts';
