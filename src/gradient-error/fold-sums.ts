// F folds, M sub-batches, P parameters in S segments.
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Moments } from './estimate.ts';

/** Columns in float64 at once. */
const CHUNK = 1 << 19;
const BLOCK = 1 << 12;

export interface FoldShape {
  folds: number;
  /** Lengths of the parts of P with moments of their own. */
  segments: readonly number[];
  device: string;
}

/**
 * One float32 sum of gradients per fold. Squares and inner products, in which near-equal numbers cancel, are float64.
 * @equation FastCL 2.2: |E x|^2 = mean over folds f != h of <x_f, x_h>; Bias^2 has x = g^c - g (ours)
 */
export class FoldSums {
  readonly #sums: Tensor; // float32 [F, P]
  readonly #squares: Tensor; // float64 [F, S]
  readonly #shape: FoldShape;
  #count = 0;

  constructor(shape: FoldShape) {
    const { folds, segments, device } = shape;
    this.#shape = shape;
    const length = segments.reduce((total, segment) => total + segment, 0);
    this.#sums = zeros([folds, length], { device }).persist();
    this.#squares = zeros([folds, segments.length], { dtype: 'float64', device }).persist();
  }

  /** Adds the gradient [P] of the next sub-batch to the next fold. Does not wait for the device. */
  add(gradient: Tensor): void {
    const { folds } = this.#shape;
    const fold = this.#count++ % folds;
    noGrad(() =>
      scope(() => {
        this.#sums.select(0, fold).add_(gradient);
        const squares = this.#squares.select(0, fold);
        const norms = this.#parts(gradient).map((part) =>
          ops.linalg_vector_norm(part, 2, undefined, false, 'float64'),
        );
        squares.add_(ops.stack(norms).pow(2));
      }),
    );
  }

  #parts(vector: Tensor): Tensor[] {
    let start = 0;
    return this.#shape.segments.map((length) => {
      start += length;
      return vector.narrow(0, start - length, length);
    });
  }

  clear(): void {
    this.#count = 0;
    noGrad(() => {
      this.#sums.zero_();
      this.#squares.zero_();
    });
  }

  /**
   * The moments of each segment. Waits for the device.
   * @param baseline sums of whole sequences over the same sub-batches
   */
  moments(baseline: FoldSums, { subBatch }: { subBatch: number }): Moments[] {
    const { folds, segments } = this.#shape;
    if (this.#count === 0 || this.#count % folds !== 0 || this.#count !== baseline.#count)
      throw new RangeError(
        `${this.#count} sub-batches against ${baseline.#count} of the baseline, in ${folds} folds: expected as many in each`,
      );
    const perFold = this.#count / folds;
    const squares = table(this.#squares);
    let start = 0;
    return segments.map((length, s) => {
      const { own, difference } = this.#grams(baseline, { from: start, length, perFold });
      start += length;
      return { subBatch, perFold, own, difference, squares: squares.map((row) => row[s]) };
    });
  }

  #grams(baseline: FoldSums, { from, length, perFold }: { from: number; length: number; perFold: number }) {
    return noGrad(() =>
      scope(() => {
        const { folds, device } = this.#shape;
        const own = zeros([folds, folds], { dtype: 'float64', device });
        const difference = zeros([folds, folds], { dtype: 'float64', device });
        for (let start = from; start < from + length; start += CHUNK)
          scope(() => {
            const width = Math.min(CHUNK, from + length - start);
            const means = (sums: FoldSums) =>
              sums.#sums
                .narrow(1, start, width)
                .to('float64')
                .mul_(1 / perFold);
            const mine = means(this);
            own.add_(gram(mine));
            if (baseline === this) return;
            difference.add_(gram(mine.sub(means(baseline))));
          });
        return { own: table(own), difference: table(difference) };
      }),
    );
  }

  dispose(): void {
    this.#sums.dispose();
    this.#squares.dispose();
  }
}

/** x x^T of [F, W] in blocks of columns: one product of so few rows leaves a GPU idle. */
function gram(x: Tensor): Tensor {
  const [rows, width] = x.shape;
  const even = width - (width % BLOCK);
  const tail = x.narrow(1, even, width - even);
  const rest = tail.matmul(tail.t);
  if (even === 0) return rest;
  const blocks = x
    .narrow(1, 0, even)
    .reshape(rows, even / BLOCK, BLOCK)
    .transpose(0, 1); // [n, F, BLOCK]
  return ops.bmm(blocks, blocks.transpose(1, 2)).sum(0).add(rest);
}

function table(matrix: Tensor): number[][] {
  const [rows, columns] = matrix.shape;
  const numbers = matrix.toNumbers();
  return Array.from({ length: rows }, (_, i) => numbers.slice(i * columns, (i + 1) * columns));
}

/** Moments of several segments together. */
export function joined([first, ...rest]: readonly Moments[]): Moments {
  const add = (a: number[], b: number[]) => a.map((value, i) => value + b[i]);
  const addTables = (a: number[][], b: number[][]) => a.map((row, i) => add(row, b[i]));
  const whole = { ...first };
  for (const { own, difference, squares } of rest) {
    whole.own = addTables(whole.own, own);
    whole.difference = addTables(whole.difference, difference);
    whole.squares = add(whole.squares, squares);
  }
  return whole;
}
