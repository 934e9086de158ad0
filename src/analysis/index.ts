export {
  adjustedError,
  type Estimate,
  type Moments,
  type SquaredMean,
  squaredMean,
  varianceOf,
} from '../gradient-error/estimate.ts';
export { FoldSums, joined } from '../gradient-error/fold-sums.ts';
export { gradientOf, type ParameterGroups, parameterGroups } from '../gradient-error/gradients.ts';
export { analyzeRun, passLogPath } from './analyze.ts';
export type { AnalyzeEvent, AnalyzeOptions } from './context.ts';
export { reportOf, writeReport } from './report/index.ts';
export { type RuleOptions, type ScheduleResult, scheduleOf } from './schedule-rule.ts';
export { type Analysis, analysisSchema, readAnalysis, readStepTimes } from './schema.ts';
