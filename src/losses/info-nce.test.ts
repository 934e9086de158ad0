import { describe, expect, test } from 'vitest';
import {
  dot,
  error,
  finiteDifferences,
  type Matrix,
  matrix,
  reshape,
  rotate,
  unitRows,
} from '../../tests/contract/numbers.ts';
import { backward, type DType, gradsOf, scope } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { queryKeyLoss } from './info-nce.ts';

const B = 6;
const E = 4;
const Q = unitRows(B, E, 1);
const K = unitRows(B, E, 2);
const TAU = 0.2;

const lossOf = (q: Matrix, k: Matrix, temperature = TAU, dtype: DType = 'float64') =>
  scope(() => queryKeyLoss(matrix(q, dtype), matrix(k, dtype), { temperature }).item());

/** The definition; positives begin at `offset`. */
function naive(q: Matrix, keys: Matrix, { tau = TAU, offset = 0 } = {}): number {
  const each = q.map((row, i) => {
    const all = keys.reduce((sum, key) => sum + Math.exp(dot(row, key) / tau), 0);
    return -Math.log(Math.exp(dot(row, keys[offset + i]) / tau) / all);
  });
  return (2 * tau * each.reduce((sum, v) => sum + v)) / q.length;
}

describe('queryKeyLoss', () => {
  // @proves queryKeyLoss
  test('closed forms', () => {
    const same = Array.from({ length: B }, () => Q[0]);
    expect(lossOf(same, same)).toBeCloseTo(2 * TAU * Math.log(B), 12);
    const axes = Array.from({ length: B }, (_, i) => Array.from({ length: B }, (_, k) => Number(i === k)));
    const perfect = Math.log(Math.exp(1 / TAU) + B - 1) - 1 / TAU;
    expect(lossOf(axes, axes)).toBeCloseTo(2 * TAU * perfect, 12);
    expect(lossOf([Q[0]], [K[0]])).toBeCloseTo(0, 12); // no negatives
  });

  // @proves queryKeyLoss
  test.each([0.07, 0.2, 1])('the loop over pairs at temperature %s', (tau) => {
    expect(error([lossOf(Q, K, tau)], [naive(Q, K, { tau })])).toBeLessThan(1e-13);
  });

  test('does not change with the order of the batch or the axes of the space, but with the pairing', () => {
    const loss = lossOf(Q, K);
    const order = [3, 0, 4, 1, 5, 2];
    const permuted = (rows: Matrix) => order.map((i) => rows[i]);
    expect(lossOf(permuted(Q), permuted(K))).toBeCloseTo(loss, 12);
    expect(lossOf(rotate(Q, 3), rotate(K, 3))).toBeCloseTo(loss, 12);
    expect(lossOf(permuted(Q), K)).not.toBeCloseTo(loss, 3);
    expect(lossOf(K, Q)).not.toBeCloseTo(loss, 6);
  });

  // @proves queryKeyLoss
  test('gradient of the queries by finite differences; keys without gradient get none', () => {
    scope(() => {
      const [q, k] = [matrix(Q).requireGrad(), matrix(K)];
      backward(queryKeyLoss(q, k, { temperature: TAU }));
      const [gradient, none] = gradsOf([q, k]);
      const expected = finiteDifferences((x) => naive(reshape(x, E), K), Q.flat());
      expect(error(gradient!.toNumbers(), expected)).toBeLessThan(1e-8);
      expect(none).toBeNull();
    });
  });

  // @proves queryKeyLoss
  test('with the keys of all ranks, each has its own positives: the mean over ranks is the whole', () => {
    scope(() => {
      const all = matrix(K);
      const shares = [0, 2, 4].map((offset) => {
        const mine = Q.slice(offset, offset + 2);
        const localKeys = matrix(K.slice(offset, offset + 2));
        const share = queryKeyLoss(matrix(mine), localKeys, {
          temperature: TAU,
          gathered: { keys: all, offset },
        }).item();
        expect(error([share], [naive(mine, K, { offset })])).toBeLessThan(1e-13);
        return share;
      });
      expect(shares.reduce((sum, v) => sum + v) / 3).toBeCloseTo(lossOf(Q, K), 13);
    });
  });

  test('losses of leading dimensions add up', () => {
    scope(() => {
      const [q, k] = [matrix(Q), matrix(K)];
      const both = queryKeyLoss(ops.stack([q, k]), ops.stack([k, q]), { temperature: TAU }).item();
      expect(both).toBeCloseTo(lossOf(Q, K) + lossOf(K, Q), 13);
    });
  });

  test('float32 at a low temperature: nothing overflows', () => {
    const opposite = Q.map((row) => row.map((v) => -v));
    const loss = lossOf(Q, opposite, 0.01, 'float32');
    expect(error([loss], [naive(Q, opposite, { tau: 0.01 })])).toBeLessThan(1e-5);
  });
});
