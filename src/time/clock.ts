import type { Compression } from '../compress/compression.ts';
import type { Schedule } from './schedules.ts';

/** The time of a run, before a step. */
export interface Clock {
  /** Optimizer updates so far. */
  step: number;
  /** An estimate where a budget in seconds or forwards does not fix the number of steps. */
  totalSteps: number;
  /** The spent share of the budget, in [0, 1). All schedules read it. */
  progress: number;
  samplesSeen: number;
  /** Passes over the data so far, with their fraction. */
  epoch: number;
  totalEpochs: number;
}

/** A clock, and the values that schedules give at that time. */
export interface StepContext extends Clock {
  lr: number;
  /** Absent: constant, as in the config. */
  weightDecay?: number;
  /** Absent: sequences are whole. */
  compression?: Compression;
}

/** Functions of progress. */
export interface StepSchedules {
  lr?: Schedule;
  weightDecay?: Schedule;
  compression?: (progress: number) => Compression;
}

export interface RunLength {
  totalSteps: number;
  globalBatchSize: number;
  datasetSize: number;
  /** By default step / totalSteps, as for a budget in steps. */
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

/** The context of a step. Without a schedule the learning rate is 0. */
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
