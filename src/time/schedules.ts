import type { Compression } from '../compress/compression.ts';

/** Where a run stands. All schedules read it; durations are converted to steps once, before. */
export interface Clock {
  /** Optimizer updates done before this step, from 0. */
  step: number;
  /** An estimate where nobody knows it: a budget in seconds without stepTimes, or in seconds or forwards with compression.online. */
  totalSteps: number;
  /** Spent budget over the whole one, in [0, 1): step / totalSteps where the budget is in steps. */
  progress: number;
  /** Samples seen before this step; epoch = samplesSeen / data set size, with its fraction. */
  samplesSeen: number;
  epoch: number;
  totalEpochs: number;
  /** The learning rate of this step. */
  lr: number;
  /** The weight decay of this step, where it moves. */
  weightDecay?: number;
  /** How the image sequences of this step are shortened; absent: they are whole. */
  compression?: Compression;
  /** Whether this step's metrics will be read: what only they need may be left out otherwise. */
  wanted?: boolean;
}

/** A value over a run: a function of progress in [0, 1]. */
export type Schedule = (progress: number) => number;

/** The clock before a step. `progress` is step / totalSteps unless the budget is not in steps. */
export function clockAt(
  step: number,
  run: {
    totalSteps: number;
    globalBatchSize: number;
    datasetSize: number;
    progress?: number;
    lr?: Schedule;
    weightDecay?: Schedule;
    compression?: (progress: number) => Compression;
  },
): Clock {
  const { totalSteps, globalBatchSize, datasetSize, progress = step / totalSteps } = run;
  const samplesSeen = step * globalBatchSize;
  return {
    step,
    totalSteps,
    progress,
    samplesSeen,
    epoch: samplesSeen / datasetSize,
    totalEpochs: (totalSteps * globalBatchSize) / datasetSize,
    lr: run.lr?.(progress) ?? 0,
    ...(run.weightDecay && { weightDecay: run.weightDecay(progress) }),
    ...(run.compression && { compression: run.compression(progress) }),
  };
}

/** from (1 - x ** power) + to x ** power: stays high for longer than a cosine (Lin et al. 2024, section on small budgets, power 2). */
export function polynomial(from: number, to: number, power: number): Schedule {
  return (x) => {
    const share = Math.min(1, Math.max(0, x)) ** power;
    return from * (1 - share) + to * share;
  };
}

/** Half a cosine from `from` at 0 to `to` at 1, and `to` after. */
export function cosine(from: number, to: number): Schedule {
  return (x) => to + 0.5 * (from - to) * (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, x))));
}

/**
 * Linear warm-up, then `body` over what remains. As open_clip counts: step k of W warm-up steps has rate peak (k + 1) / W.
 * `warmup` and `tick` are shares of the run: W / total and 1 / total.
 */
export function withWarmup(
  body: Schedule,
  { peak, warmup, tick }: { peak: number; warmup: number; tick: number },
): Schedule {
  const after = afterWarmup(body, warmup);
  // Half a tick of tolerance: step / total need not be exact.
  return (progress) => (progress < warmup - tick / 2 ? (peak * (progress + tick)) / warmup : after(progress));
}

/** `body` over what a warm-up leaves of the run; its start until then. */
export const afterWarmup =
  (body: Schedule, warmup: number): Schedule =>
  (progress) =>
    // A warm-up that is the whole run leaves nothing of it but its end.
    body(warmup >= 1 ? Number(progress >= 1) : Math.max(0, progress - warmup) / (1 - warmup));

/**
 * FastCLIP's inner learning rate (section 2): 1 in the first epoch, then constant, or a cosine from 1 to `min` over the
 * first `decayEpochs`, constant within each epoch (`per: 'epoch'`, as published) or moving with each step.
 */
export function gammaSchedule(options: {
  shape: 'cosine' | 'constant';
  min: number;
  decayEpochs: number;
  per: 'epoch' | 'step';
}): (clock: Clock) => number {
  const fall = cosine(1, options.min);
  return ({ epoch }) => {
    const at = options.per === 'epoch' ? Math.floor(epoch) : epoch;
    if (epoch < 1 && (options.per === 'epoch' || options.shape === 'constant')) return 1;
    return options.shape === 'constant' ? options.min : fall(at / options.decayEpochs);
  };
}
