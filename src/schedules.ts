/** Where a run stands. All schedules read it; durations are converted to steps once, before. */
export interface Clock {
  /** Optimizer updates done before this step, from 0. */
  step: number;
  totalSteps: number;
  /** step / totalSteps, in [0, 1). */
  progress: number;
  /** Samples seen before this step; epoch = samplesSeen / data set size, with its fraction. */
  samplesSeen: number;
  epoch: number;
  totalEpochs: number;
  /** The learning rate of this step. */
  lr: number;
}

/** A value over a run: a function of progress in [0, 1]. */
export type Schedule = (progress: number) => number;

export function clockAt(
  step: number,
  run: { totalSteps: number; globalBatchSize: number; datasetSize: number; lr?: Schedule },
): Clock {
  const samplesSeen = step * run.globalBatchSize;
  return {
    step,
    totalSteps: run.totalSteps,
    progress: step / run.totalSteps,
    samplesSeen,
    epoch: samplesSeen / run.datasetSize,
    totalEpochs: (run.totalSteps * run.globalBatchSize) / run.datasetSize,
    lr: run.lr?.(step / run.totalSteps) ?? 0,
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
  // Half a tick of tolerance: step / total need not be exact.
  return (progress) =>
    progress < warmup - tick / 2
      ? (peak * (progress + tick)) / warmup
      : body(warmup >= 1 ? 1 : (progress - warmup) / (1 - warmup));
}

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
