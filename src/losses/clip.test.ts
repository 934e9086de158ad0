import { describe, expect, test } from 'vitest';
import {
  dot,
  error,
  finiteDifferences,
  type Matrix,
  matrix,
  reshape,
  rotate,
  scalar,
  unitRows,
} from '../../tests/contract/numbers.ts';
import { backward, type DType, gradsOf, scope } from '../torch/index.ts';
import { clipLoss } from './clip.ts';

const B = 5;
const E = 4;
const IMAGE = unitRows(B, E, 1);
const TEXT = unitRows(B, E, 2);
const SCALE = 8;

const lossOf = (image: Matrix, text: Matrix, scale = SCALE, dtype: DType = 'float64') =>
  scope(() =>
    clipLoss(matrix(image, dtype), matrix(text, dtype), { logitScale: scalar(scale, dtype) }).item(),
  );

/** Cross entropy of each row and column. */
function naive(image: Matrix, text: Matrix, scale: number): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) {
    const positive = Math.exp(scale * dot(image[i], text[i]));
    const texts = text.reduce((total, t) => total + Math.exp(scale * dot(image[i], t)), 0);
    const images = image.reduce((total, v) => total + Math.exp(scale * dot(v, text[i])), 0);
    sum -= Math.log(positive / texts) + Math.log(positive / images);
  }
  return sum / (2 * image.length);
}

describe('clipLoss', () => {
  // @proves clipLoss
  test('closed forms', () => {
    const same = Array.from({ length: B }, () => IMAGE[0]);
    expect(lossOf(same, same)).toBeCloseTo(Math.log(B), 12);
    const axes = Array.from({ length: B }, (_, i) => Array.from({ length: B }, (_, k) => Number(i === k)));
    expect(lossOf(axes, axes)).toBeCloseTo(Math.log(Math.exp(SCALE) + B - 1) - SCALE, 12);
    const shifted = [...axes.slice(1), axes[0]];
    expect(lossOf(axes, shifted)).toBeCloseTo(Math.log(Math.exp(SCALE) + B - 1), 12);
    expect(lossOf(IMAGE, TEXT, 0)).toBeCloseTo(Math.log(B), 12);
    expect(lossOf([IMAGE[0]], [TEXT[0]])).toBeCloseTo(0, 12);
  });

  // @proves clipLoss
  test('the loop over pairs', () => {
    expect(error([lossOf(IMAGE, TEXT)], [naive(IMAGE, TEXT, SCALE)])).toBeLessThan(1e-13);
  });

  test('does not change with the order of the batch, the axes of the space, or the names of the towers', () => {
    const loss = lossOf(IMAGE, TEXT);
    const order = [3, 0, 4, 1, 2];
    const permuted = (rows: Matrix) => order.map((i) => rows[i]);
    expect(lossOf(permuted(IMAGE), permuted(TEXT))).toBeCloseTo(loss, 12);
    expect(lossOf(permuted(IMAGE), TEXT)).not.toBeCloseTo(loss, 3);
    expect(lossOf(rotate(IMAGE, 3), rotate(TEXT, 3))).toBeCloseTo(loss, 12);
    expect(lossOf(TEXT, IMAGE)).toBeCloseTo(loss, 12);
  });

  // @proves clipLoss
  test('gradients of images, texts and scale by finite differences', () => {
    const grads = scope(() => {
      const leaves = [matrix(IMAGE), matrix(TEXT), scalar(SCALE)];
      for (const leaf of leaves) leaf.requireGrad();
      backward(clipLoss(leaves[0], leaves[1], { logitScale: leaves[2] }));
      return gradsOf(leaves).map((grad) => grad!.toNumbers());
    });
    const expected = [
      finiteDifferences((x) => naive(reshape(x, E), TEXT, SCALE), IMAGE.flat()),
      finiteDifferences((x) => naive(IMAGE, reshape(x, E), SCALE), TEXT.flat()),
      finiteDifferences(([scale]) => naive(IMAGE, TEXT, scale), [SCALE]),
    ];
    grads.forEach((grad, i) => {
      expect(error(grad, expected[i])).toBeLessThan(1e-8);
    });
  });

  test('float32 at the largest scale: opposite pairs cost 2 x 100, nothing overflows', () => {
    const opposite = IMAGE.map((row) => row.map((v) => -v));
    const loss = lossOf(IMAGE, opposite, 100, 'float32');
    expect(error([loss], [naive(IMAGE, opposite, 100)])).toBeLessThan(1e-5);
    expect(lossOf(IMAGE, IMAGE, 100, 'float32')).toBeGreaterThanOrEqual(0);
  });
});
