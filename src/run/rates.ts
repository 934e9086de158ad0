import type { Duration, RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { afterWarmup, cosine, polynomial, type Schedule, withWarmup } from '../time/schedules.ts';

interface Steps {
  /** undefined: not known in advance. */
  totalSteps: number | undefined;
  toSteps: (duration: Duration) => number;
}

/** `rateShare` is the rate over its peak, and 1 until the warm-up is over. */
export function learningRate(config: RunConfig, steps: Steps): { lr: Schedule; rateShare: Schedule } {
  const {
    optimizer: { peakLr },
    schedule: { shape, power, finalLr },
  } = config;
  const bodies = {
    cosine: cosine(peakLr, finalLr),
    polynomial: polynomial(peakLr, finalLr, power),
    constant: () => peakLr,
  };
  const body = bodies[shape];
  const total = steps.totalSteps ?? Infinity;
  const warmup = warmupShare(config, steps);
  const after = afterWarmup(body, warmup);
  return {
    lr: withWarmup(body, { peak: peakLr, warmup, tick: 1 / total }),
    rateShare: (progress) => after(progress) / peakLr,
  };
}

function warmupShare(
  { duration, compression, schedule: { warmup } }: RunConfig,
  { totalSteps, toSteps }: Steps,
): number {
  if ('share' in warmup) return warmup.share;
  const steps = toSteps(warmup);
  if (steps > 0 && totalSteps === undefined)
    throw new CoupletError(
      `schedule.warmup is a number of steps, and a duration in ${'seconds' in duration ? 'seconds' : 'forwards'}${compression?.online ? ' with compression.online' : ''} does not fix how many there are: give a share of the run, such as { share: 0.05 }.`,
    );
  return steps / (totalSteps ?? Infinity);
}

/**
 * Half a cosine to `schedule.finalWeightDecay` (DINO, Caron et al. 2021). undefined: the weight decay is constant.
 * @equation FastCL 7.3: weight decay along half a cosine
 */
export function scheduledWeightDecay({ optimizer, schedule }: RunConfig): Schedule | undefined {
  if (schedule.finalWeightDecay === undefined) return undefined;
  if (optimizer.weightDecay === 0)
    throw new CoupletError(
      'schedule.finalWeightDecay needs an optimizer.weightDecay above 0 to start from: set one, or leave it out.',
    );
  return cosine(optimizer.weightDecay, schedule.finalWeightDecay);
}
