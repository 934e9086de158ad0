import type { Clock } from './clock.ts';

/** A value over a run: a function of progress in [0, 1]. */
export type Schedule = (progress: number) => number;

/**
 * from (1 - x ** power) + to x ** power. With power 2 it stays high for longer than a cosine (Lin et al. 2024, small budgets).
 * @equation FastCL 3.3: lr(s) = peak (1 - s^2) after the warm-up
 */
export function polynomial(from: number, to: number, power: number): Schedule {
  return (x) => {
    const share = Math.min(1, Math.max(0, x)) ** power;
    return from * (1 - share) + to * share;
  };
}

/**
 * Half a cosine from `from` at 0 to `to` at 1.
 * @equation FastCLIP 2: gamma: 1 in the first epoch, then gamma_min, or gamma_min + 1/2 (1 + cos(pi e / E)) (1 - gamma_min)
 * @equation FastCLIP 5.1: warm-up peak (k + 1) / W, then half a cosine
 */
export function cosine(from: number, to: number): Schedule {
  return (x) => to + 0.5 * (from - to) * (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, x))));
}

/**
 * Linear warm-up, then `body` over the rest of the run. Step k of W warm-up steps has rate peak (k + 1) / W, as in open_clip.
 * `warmup` and `tick` are shares of the run: W / total and 1 / total.
 * @equation FastCLIP 5.1: warm-up peak (k + 1) / W, then half a cosine
 */
export function withWarmup(
  body: Schedule,
  { peak, warmup, tick }: { peak: number; warmup: number; tick: number },
): Schedule {
  const after = afterWarmup(body, warmup);
  // Half a tick of tolerance, since step / total is rounded.
  return (progress) => (progress < warmup - tick / 2 ? (peak * (progress + tick)) / warmup : after(progress));
}

/** `body` over the part of the run after a warm-up; its first value until then. */
export const afterWarmup =
  (body: Schedule, warmup: number): Schedule =>
  (progress) =>
    // After a warm-up of the whole run only the end of `body` is left.
    body(warmup >= 1 ? Number(progress >= 1) : Math.max(0, progress - warmup) / (1 - warmup));

/**
 * FastCLIP's inner learning rate (section 2): 1 in the first epoch, then constant, or a cosine from 1 to `min` over the
 * first `decayEpochs`, constant within each epoch (`per: 'epoch'`, as published) or moving with each step.
 * @equation FastCLIP 2: gamma: 1 in the first epoch, then gamma_min, or gamma_min + 1/2 (1 + cos(pi e / E)) (1 - gamma_min)
 */
export function gammaSchedule(options: {
  shape: 'cosine' | 'constant';
  min: number;
  decayEpochs: number;
  per: 'epoch' | 'step';
}): (clock: Clock) => number {
  const fall = cosine(1, options.min);
  return ({ epoch }) => {
    const time = options.per === 'epoch' ? Math.floor(epoch) : epoch;
    if (epoch < 1 && (options.per === 'epoch' || options.shape === 'constant')) return 1;
    return options.shape === 'constant' ? options.min : fall(time / options.decayEpochs);
  };
}
