// What probes have found so far. C candidates.
import { type Compression, keyOf } from '../compress/index.ts';
import { adjustedValue } from '../gradient-error/estimate.ts';

/** What one probe says of a candidate, in the gradient's own unit. */
export interface ProbedPoint {
  /** Without the noise; may be negative. */
  biasSquared: number;
  /** Of one sample's gradient. */
  variance: number;
}

/** What one probe found. */
export interface Probe {
  /** |G|^2 of whole sequences, without the noise; may be negative. */
  gradientSquared: number;
  /** By keyOf(). */
  points: Record<string, ProbedPoint>;
}

/** After this share of the run a probe counts half: with few probes the last counts most, with many they average. */
const HALF_LIFE = 0.05;

/** Plain data: a resume needs no more. */
export interface AveragesState extends Probe {
  /** The sum of all weights: what the sums are divided by. */
  weight: number;
  /** Of the run, when the last probe was added. */
  progress: number;
}

/**
 * Exponential averages of probes, without the bias towards zero of the first ones. Bias and variance are averaged, not errors: an
 * average of max(0, bias^2) would not be one of bias^2.
 */
export class Averages {
  #sums: AveragesState = { weight: 0, progress: 0, gradientSquared: 0, points: {} };

  get weight(): number {
    return this.#sums.weight;
  }

  /**
   * Adds a probe. Strategies that it leaves out are forgotten. A probe with a number that is not finite is not taken: returns false.
   * @param progress of the run, in [0, 1]
   */
  add({ gradientSquared, points }: Probe, progress: number): boolean {
    const found = Object.values(points).flatMap(({ biasSquared, variance }) => [biasSquared, variance]);
    if (![gradientSquared, ...found].every(Number.isFinite)) return false;
    const before = this.#sums;
    // A resume with a longer duration is earlier in its run than it was.
    const kept = 0.5 ** (Math.max(0, progress - before.progress) / HALF_LIFE);
    const sum = (old: number | undefined, value: number) => kept * (old ?? 0) + value;
    this.#sums = {
      progress,
      weight: sum(before.weight, 1),
      gradientSquared: sum(before.gradientSquared, gradientSquared),
      points: Object.fromEntries(
        Object.entries(points).map(([key, { biasSquared, variance }]) => {
          const old = before.points[key];
          return [
            key,
            { biasSquared: sum(old?.biasSquared, biasSquared), variance: sum(old?.variance, variance) },
          ];
        }),
      ),
    };
    return true;
  }

  /** A candidate's averages; undefined before its first probe. */
  of(candidate: Compression): ProbedPoint | undefined {
    const sums = this.#sums.points[keyOf(candidate)];
    const { weight } = this.#sums;
    return sums && { biasSquared: sums.biasSquared / weight, variance: sums.variance / weight };
  }

  /** The cost-adjusted error (Lin et al. 2024, section 5). @param weight cost / budget */
  errorOf(candidate: Compression, weight: number): number {
    const found = this.of(candidate);
    return found ? adjustedValue(found, weight) : Number.POSITIVE_INFINITY;
  }

  /** |G|^2. */
  get gradientSquared(): number {
    return this.#sums.gradientSquared / this.#sums.weight;
  }

  state(): AveragesState {
    return structuredClone(this.#sums);
  }

  restore(state: AveragesState): void {
    this.#sums = structuredClone(state);
  }
}
