// F folds of m = M / F sub-batches, K samples in each.

/** Of a finished pass: plain data, nothing of size P. */
export interface Moments {
  /** K */
  subBatch: number;
  /** m */
  perFold: number;
  /** <c_f, c_g> [F][F]: c_f is the mean gradient over the sub-batches of fold f. */
  own: number[][];
  /** <c_f - b_f, c_g - b_g> [F][F]: b_f is the baseline's, on the same samples. */
  difference: number[][];
  /** Sum of |g_j|^2 over the sub-batches of each fold [F]. */
  squares: number[];
}

/** A number and its 95 % confidence interval. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

/** The squared length of a mean, with and without noise. */
export interface SquaredMean extends Estimate {
  /** Too large by variance / samples (FastCL 2.2). */
  plain: number;
}

/**
 * |E x|^2: mean of <x_f, x_g> over folds f != g, the cross-half estimate over all halves. May be negative.
 * @equation FastCL 2.2: |E x|^2 = mean over folds f != h of <x_f, x_h>; Bias^2 has x = g^c - g (ours)
 */
export function squaredMean(gram: readonly number[][]): SquaredMean {
  const folds = gram.length;
  const rows = gram.map((row) => sum(row));
  const diagonal = gram.map((row, f) => row[f]);
  const [whole, trace] = [sum(rows), sum(diagonal)];
  const value = (whole - trace) / (folds * (folds - 1));
  const without = rows.map(
    (row, f) => (whole - 2 * row + diagonal[f] - (trace - diagonal[f])) / ((folds - 1) * (folds - 2)),
  );
  return { plain: whole / folds ** 2, ...interval(value, without) };
}

/**
 * Var = K / (M - 1) sum_j |g_j - mean|^2: trace of the covariance of one sample's gradient.
 * @equation FastCL 2.2: Var = K / (M - 1) sum_j |g_j - mean|^2 over M sub-batches of K
 */
export function varianceOf({ subBatch, perFold, own, squares }: Moments): Estimate {
  const folds = own.length;
  const rows = own.map((row) => sum(row));
  const [whole, total] = [sum(rows), sum(squares)];
  const spread = (squareSum: number, gramSum: number, parts: number) => {
    const count = parts * perFold;
    return (subBatch * (squareSum - (count * gramSum) / parts ** 2)) / (count - 1);
  };
  const without = rows.map((row, f) => spread(total - squares[f], whole - 2 * row + own[f][f], folds - 1));
  return interval(spread(total, whole, folds), without);
}

/**
 * Cost-adjusted error max(0, Bias^2) + cost / forwards Var (Lin et al. 2024, section 5): squared error of the mean over the samples
 * that the forwards pay for.
 * @param weight cost / forwards
 * @equation FastCL 2.1: CA-MSE = Bias^2 + Cost / Budget Var, in units of |G|^2; Budget = `gradientCompute` times batch times cost of a whole sequence
 */
export function adjustedValue(
  { biasSquared, variance }: { biasSquared: number; variance: number },
  weight: number,
): number {
  return Math.max(0, biasSquared) + weight * variance;
}

/**
 * adjustedValue() with its interval, for independent bias and variance.
 * @equation FastCL 2.1: CA-MSE = Bias^2 + Cost / Budget Var, in units of |G|^2; Budget = `gradientCompute` times batch times cost of a whole sequence
 */
export function adjustedError(
  { biasSquared, variance }: { biasSquared: Estimate; variance: Estimate },
  weight: number,
): Estimate {
  const centre = biasSquared.value + weight * variance.value;
  const half = Math.hypot(biasSquared.high - biasSquared.value, weight * (variance.high - variance.value));
  return {
    value: adjustedValue({ biasSquared: biasSquared.value, variance: variance.value }, weight),
    low: Math.max(0, centre - half),
    high: centre + half,
  };
}

/**
 * Delete-one jackknife over folds with Student's quantile. Never too narrow on average (Efron and Stein 1981).
 * @param without the estimate without each fold
 * @equation FastCL 2.2: 95 % intervals: delete-one jackknife over folds, with Student's t (ours)
 */
function interval(value: number, without: readonly number[]): Estimate {
  const folds = without.length;
  const mean = sum(without) / folds;
  const variance = ((folds - 1) / folds) * sum(without.map((other) => (other - mean) ** 2));
  const half = studentQuantile(folds - 1) * Math.sqrt(variance);
  return { value, low: value - half, high: value + half };
}

/**
 * The 97.5 % quantile of Student's t (Abramowitz and Stegun 26.7.5), to 1 % from 3 degrees on.
 * @equation FastCL 2.2: 95 % intervals: delete-one jackknife over folds, with Student's t (ours)
 */
export function studentQuantile(degrees: number): number {
  const z = 1.959963984540054;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ];
  return terms.reduce((t, term, i) => t + term / degrees ** (i + 1), z);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
