import { describe, expect, test } from 'vitest';
import {
  dot,
  error,
  finiteDifferences,
  type Matrix,
  matrix,
  reshape,
  unitRows,
} from '../../tests/contract/numbers.ts';
import { backward, gradsOf, scope } from '../torch/index.ts';
import { multiHeadAttention } from './attention.ts';

const N = 4;
const D = 4;
const HEADS = 2;
const QKV = unitRows(N, 3 * D, 3).map((row) => row.map((v) => 3 * v));
const SEED = unitRows(N, D, 4);

/** softmax(Q K^T / sqrt(d)) V in loops. */
function naive(qkv: Matrix, causal: boolean): Matrix {
  const d = D / HEADS;
  return qkv.map((row, i) =>
    Array.from({ length: HEADS }).flatMap((_, head) => {
      const part = (values: number[], which: number) =>
        values.slice(which * D + head * d, which * D + (head + 1) * d);
      const seen = qkv.filter((_, j) => !causal || j <= i);
      const scores = seen.map((other) => Math.exp(dot(part(row, 0), part(other, 1)) / Math.sqrt(d)));
      const total = scores.reduce((sum, v) => sum + v, 0);
      return Array.from({ length: d }, (_, k) =>
        seen.reduce((sum, other, j) => sum + (scores[j] / total) * part(other, 2)[k], 0),
      );
    }),
  );
}

describe.each([false, true])('multiHeadAttention, causal %s', (causal) => {
  // @proves multiHeadAttention
  test('is the loop over heads and tokens, forward and backward', () => {
    scope(() => {
      const leaf = matrix([...QKV, ...QKV.toReversed()]).requireGrad(); // a batch of two
      const out = multiHeadAttention(leaf.view(2, N, 3 * D), { heads: HEADS, causal });
      expect(out.shape).toEqual([2, N, D]);
      const expected = [...naive(QKV, causal), ...naive(QKV.toReversed(), causal)];
      expect(error(out.toNumbers(), expected.flat())).toBeLessThan(1e-12);

      backward(out.select(0, 0).mul(matrix(SEED)).sum());
      const numeric = finiteDifferences(
        (x) => dot(naive(reshape(x, 3 * D), causal).flat(), SEED.flat()),
        QKV.flat(),
      );
      const grad = gradsOf([leaf])[0]!.toNumbers();
      expect(error(grad.slice(0, N * 3 * D), numeric)).toBeLessThan(1e-8);
      expect(grad.slice(N * 3 * D).every((v) => v === 0)).toBe(true);
    });
  });
});

// @proves multiHeadAttention
test('causal: a later token does not reach an earlier one', () => {
  scope(() => {
    const run = (rows: Matrix) =>
      multiHeadAttention(matrix(rows).view(1, N, 3 * D), { heads: HEADS, causal: true }).toNumbers();
    const changed = run(QKV.map((row, i) => (i === N - 1 ? row.map((v) => v + 5) : row)));
    expect(changed.slice(0, (N - 1) * D)).toEqual(run(QKV).slice(0, (N - 1) * D));
    expect(changed.slice((N - 1) * D)).not.toEqual(run(QKV).slice((N - 1) * D));
  });
});
