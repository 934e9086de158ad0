import { type Compression, keyOf } from '../compress/index.ts';

export interface BiasVariance {
  /** Without noise; may be negative. */
  biasSquared: number;
  /** Of one sample's gradient. */
  variance: number;
}

export interface Probe {
  /** |G|^2 of whole sequences, without noise; may be negative. */
  gradientSquared: number;
  /** Keys by keyOf(). */
  byCompression: Record<string, BiasVariance>;
}

/** Share of the run. */
const HALF_LIFE = 0.05;

/** Weighted sums over probes. */
export interface Averages extends Probe {
  weight: number;
  /** Of the run at the last probe. */
  progress: number;
}

export const noProbes: Averages = { weight: 0, progress: 0, gradientSquared: 0, byCompression: {} };

/**
 * Exponential averages; undefined for a probe that is not finite. Forgets compressions that the probe lacks. Averages no errors: a
 * mean of max(0, bias^2) exceeds bias^2.
 * @param progress of the run, in [0, 1]
 * @equation FastCL 2: averages over probes: x_n = sum_k w_k x_k / sum_k w_k, w_k = 2^(-(s_n - s_k) / 0.05), s_k the progress at probe k (ours)
 */
export function withProbe(averages: Averages, probe: Probe, progress: number): Averages | undefined {
  const { gradientSquared, byCompression } = probe;
  const numbers = Object.values(byCompression).flatMap(({ biasSquared, variance }) => [
    biasSquared,
    variance,
  ]);
  if (![gradientSquared, ...numbers].every(Number.isFinite)) return undefined;
  // A resume with a longer duration moves the progress back.
  const decay = 0.5 ** (Math.max(0, progress - averages.progress) / HALF_LIFE);
  const add = (sum: number | undefined, value: number) => decay * (sum ?? 0) + value;
  return {
    progress,
    weight: add(averages.weight, 1),
    gradientSquared: add(averages.gradientSquared, gradientSquared),
    byCompression: Object.fromEntries(
      Object.entries(byCompression).map(([key, { biasSquared, variance }]) => {
        const sums = averages.byCompression[key];
        return [
          key,
          { biasSquared: add(sums?.biasSquared, biasSquared), variance: add(sums?.variance, variance) },
        ];
      }),
    ),
  };
}

/**
 * Undefined before a compression's first probe.
 * @equation FastCL 2: averages over probes: x_n = sum_k w_k x_k / sum_k w_k, w_k = 2^(-(s_n - s_k) / 0.05), s_k the progress at probe k (ours)
 */
export function averageOf(
  compression: Compression,
  { byCompression, weight }: Averages,
): BiasVariance | undefined {
  const sums = byCompression[keyOf(compression)];
  return sums && { biasSquared: sums.biasSquared / weight, variance: sums.variance / weight };
}
