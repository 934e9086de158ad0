// Plain numbers for tests: what the engine computes is held against loops that a person can read.
import { type DType, type Tensor, tensor } from '../../src/torch/index.ts';

export type Matrix = number[][];

/** Uniform numbers in [-1, 1) from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, k) => sum + v * b[k], 0);

/** Random rows of unit length. */
export function unitRows(rows: number, columns: number, seed: number): Matrix {
  const next = uniform(seed);
  return Array.from({ length: rows }, () => {
    const row = Array.from({ length: columns }, next);
    const length = Math.sqrt(dot(row, row));
    return row.map((v) => v / length);
  });
}

export const matrix = (rows: Matrix, dtype: DType = 'float64'): Tensor =>
  tensor(Float64Array.from(rows.flat()), [rows.length, rows[0].length], { dtype });

export const scalar = (value: number, dtype: DType = 'float64'): Tensor => tensor([value], [], { dtype });

export const int64 = (values: readonly number[]): Tensor => tensor(BigInt64Array.from(values, BigInt));

export function reshape(values: readonly number[], columns: number): Matrix {
  return Array.from({ length: values.length / columns }, (_, i) =>
    values.slice(i * columns, (i + 1) * columns),
  );
}

/** Central differences of a scalar function, number by number. */
export function finiteDifferences(f: (x: number[]) => number, at: readonly number[], step = 1e-5): number[] {
  return at.map((_, i) => {
    const moved = (by: number) => f(at.map((v, k) => (k === i ? v + by : v)));
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

/** The largest difference, relative to the largest expected value. */
export function error(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const largest = (values: readonly number[]) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0); // NaN stays
  const difference = largest(actual.map((v, i) => v - expected[i]));
  return difference === 0 ? 0 : difference / largest(expected);
}

/** A rotation of the plane of each pair of axes, one after the other. */
export function rotate(rows: Matrix, seed: number): Matrix {
  const next = uniform(seed);
  const out = rows.map((row) => [...row]);
  for (let a = 0; a < rows[0].length; a++) {
    for (let b = a + 1; b < rows[0].length; b++) {
      const angle = Math.PI * next();
      for (const row of out) {
        const [x, y] = [row[a], row[b]];
        row[a] = x * Math.cos(angle) - y * Math.sin(angle);
        row[b] = x * Math.sin(angle) + y * Math.cos(angle);
      }
    }
  }
  return out;
}
