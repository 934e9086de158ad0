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
import { backward, type DType, gradients, gradsOf, scope } from '../torch/index.ts';
import { ntXentLoss } from './nt-xent.ts';

const B = 6;
const E = 4;
const FIRST = unitRows(B, E, 1);
const SECOND = unitRows(B, E, 2);
const TAU = 0.3;

const lossOf = (first: Matrix, second: Matrix, temperature = TAU, dtype: DType = 'float64') =>
  scope(() => ntXentLoss(matrix(first, dtype), matrix(second, dtype), { temperature }).item());

/** Twice the mean of equation 1 over anchors. */
function naive(first: Matrix, second: Matrix, tau = TAU): number {
  const views = [...first, ...second];
  const n = first.length;
  const each = views.map((anchor, a) => {
    const positive = Math.exp(dot(anchor, views[(a + n) % (2 * n)]) / tau);
    const others = views.reduce((sum, v, b) => sum + (b === a ? 0 : Math.exp(dot(anchor, v) / tau)), 0);
    return -Math.log(positive / others);
  });
  return each.reduce((sum, v) => sum + v) / n;
}

describe('ntXentLoss', () => {
  // @proves ntXentLoss
  test('closed forms', () => {
    const same = Array.from({ length: B }, () => FIRST[0]);
    expect(lossOf(same, same)).toBeCloseTo(2 * Math.log(2 * B - 1), 12);
    const axes = Array.from({ length: B }, (_, i) => Array.from({ length: B }, (_, k) => Number(i === k)));
    const perfect = Math.log(Math.exp(1 / TAU) + 2 * B - 2) - 1 / TAU;
    expect(lossOf(axes, axes)).toBeCloseTo(2 * perfect, 12);
    expect(lossOf([FIRST[0]], [SECOND[0]])).toBeCloseTo(0, 12); // no negatives
  });

  // @proves ntXentLoss
  test.each([0.1, 0.3, 1])('the loop over anchors at temperature %s', (tau) => {
    expect(error([lossOf(FIRST, SECOND, tau)], [naive(FIRST, SECOND, tau)])).toBeLessThan(1e-13);
  });

  test('does not change with the order of the batch, the axes of the space or of the views, but with the pairing', () => {
    const loss = lossOf(FIRST, SECOND);
    const order = [3, 0, 4, 1, 5, 2];
    const permuted = (rows: Matrix) => order.map((i) => rows[i]);
    expect(lossOf(permuted(FIRST), permuted(SECOND))).toBeCloseTo(loss, 12);
    expect(lossOf(rotate(FIRST, 3), rotate(SECOND, 3))).toBeCloseTo(loss, 12);
    expect(lossOf(SECOND, FIRST)).toBeCloseTo(loss, 12);
    expect(lossOf(permuted(FIRST), SECOND)).not.toBeCloseTo(loss, 3);
  });

  // @proves ntXentLoss
  test('gradients of both views by finite differences', () => {
    scope(() => {
      const leaves = [matrix(FIRST).requireGrad(), matrix(SECOND).requireGrad()];
      backward(ntXentLoss(leaves[0], leaves[1], { temperature: TAU }));
      const actual = gradsOf(leaves).flatMap((grad) => grad!.toNumbers());
      const numeric = finiteDifferences(
        (x) => naive(reshape(x.slice(0, B * E), E), reshape(x.slice(B * E), E)),
        [...FIRST, ...SECOND].flat(),
      );
      expect(error(actual, numeric)).toBeLessThan(1e-8);
    });
  });

  // @proves ntXentLoss
  test('with the views of all ranks: the mean over ranks is the whole, gradients too', () => {
    scope(() => {
      const whole = [matrix(FIRST).requireGrad(), matrix(SECOND).requireGrad()];
      const loss = ntXentLoss(whole[0], whole[1], { temperature: TAU });
      const shares = [0, 2, 4].map((offset) =>
        ntXentLoss(whole[0].narrow(0, offset, 2), whole[1].narrow(0, offset, 2), {
          temperature: TAU,
          gathered: { first: whole[0], second: whole[1], offset },
        }),
      );
      const together = shares.reduce((sum, share) => sum.add(share)).div(3);
      expect(together.item()).toBeCloseTo(loss.item(), 13);
      const [one, three] = [loss, together].map((value) =>
        gradients([value], whole).flatMap((grad) => grad!.toNumbers()),
      );
      expect(error(three, one)).toBeLessThan(1e-13);
    });
  });

  test('float32 at a low temperature: nothing overflows, no gradient is NaN', () => {
    const opposite = FIRST.map((row) => row.map((v) => -v));
    const loss = lossOf(FIRST, opposite, 0.01, 'float32');
    expect(error([loss], [naive(FIRST, opposite, 0.01)])).toBeLessThan(1e-5);
    scope(() => {
      const [first, second] = [matrix(FIRST, 'float32').requireGrad(), matrix(opposite, 'float32')];
      backward(ntXentLoss(first, second, { temperature: 0.01 }));
      expect(gradsOf([first])[0]!.toNumbers().every(Number.isFinite)).toBe(true);
    });
  });
});
