export type {
  Estimate,
  Moments,
  SquaredMean,
} from '../gradient-error/estimate.ts';

export type { ParameterGroups } from '../gradient-error/gradients.ts';
export { analyzeRun } from './analyze.ts';
export type { AnalyzeEvent, AnalyzeOptions } from './context.ts';
export { writeReport } from './report/index.ts';
export { type RuleOptions, type ScheduleResult, scheduleOf } from './schedule-rule.ts';
export { type Analysis, readAnalysis, readStepTimes } from './schema.ts';
