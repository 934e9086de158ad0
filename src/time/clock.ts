import type { Compression } from '../compress/compression.ts';
import type { Schedule } from './schedules.ts';

/** How far a run is, before a step. */
export interface Clock {
  /** Optimizer updates so far. */
  step: number;
  /** An estimate where a budget in seconds or forwards does not fix the number of steps. */
  totalSteps: number;
  /** Spent budget over the whole one, in [0, 1). All schedules read it. */
  progress: number;
  samplesSeen: number;
  /** samplesSeen over the size of the data set, with its fraction. */
  epoch: number;
  totalEpochs: number;
}

/** What a step is taken with: the clock, and what schedules make of it. */
export interface StepContext extends Clock {
  lr: number;
  /** Absent: the config's, throughout. */
  weightDecay?: number;
  /** Absent: image sequences are whole. */
  compression?: Compression;
}

/** What moves over a run, as functions of progress. */
export interface StepSchedules {
  lr?: Schedule;
  weightDecay?: Schedule;
  compression?: (progress: number) => Compression;
}

/** What clocks of a run are made from. */
export interface RunLength {
  totalSteps: number;
  globalBatchSize: number;
  datasetSize: number;
  /** step / totalSteps by default, which holds where the budget is in steps. */
  progress?: number;
}

/** The clock before a step. */
function clockAt(step: number, run: RunLength): Clock {
  const { totalSteps, globalBatchSize, datasetSize, progress = step / totalSteps } = run;
  const samplesSeen = step * globalBatchSize;
  return {
    step,
    totalSteps,
    progress,
    samplesSeen,
    epoch: samplesSeen / datasetSize,
    totalEpochs: (totalSteps * globalBatchSize) / datasetSize,
  };
}

/** The clock before a step, and what the schedules give there; without a schedule the learning rate is 0. */
export function stepContextAt(
  step: number,
  { lr, weightDecay, compression, ...run }: RunLength & StepSchedules,
): StepContext {
  const clock = clockAt(step, run);
  const { progress } = clock;
  return {
    ...clock,
    lr: lr?.(progress) ?? 0,
    ...(weightDecay && { weightDecay: weightDecay(progress) }),
    ...(compression && { compression: compression(progress) }),
  };
}
