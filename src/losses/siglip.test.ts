import { expect, test } from 'vitest';
import {
  dot,
  error,
  finiteDifferences,
  type Matrix,
  matrix,
  reshape,
  scalar,
  unitRows,
} from '../../tests/contract/numbers.ts';
import { backward, gradsOf, scope } from '../torch/index.ts';
import { siglipLoss } from './siglip.ts';

const B = 5;
const E = 3;
const IMAGE = unitRows(B, E, 1);
const TEXT = unitRows(B, E, 2);
const SCALE = 6;
const BIAS = -2;

/** Zhai et al. 2023, equation 1, pair by pair. */
function naive(image: Matrix, text: Matrix, { scale = SCALE, bias = BIAS } = {}): number {
  let sum = 0;
  image.forEach((x, i) => {
    text.forEach((y, j) => {
      const z = i === j ? 1 : -1;
      sum += Math.log(1 + Math.exp(-z * (scale * dot(x, y) + bias)));
    });
  });
  return sum / image.length;
}

const lossOf = (image: Matrix, text: Matrix) =>
  scope(() =>
    siglipLoss(matrix(image), matrix(text), { logitScale: scalar(SCALE), bias: scalar(BIAS) }).item(),
  );

// @proves siglipLoss
test('the loop over pairs; a scale of 0 leaves log(1 + e^bias) for each non-pair', () => {
  expect(error([lossOf(IMAGE, TEXT)], [naive(IMAGE, TEXT)])).toBeLessThan(1e-13);
  const flat = scope(() =>
    siglipLoss(matrix(IMAGE), matrix(TEXT), { logitScale: scalar(0), bias: scalar(BIAS) }).item(),
  );
  expect(flat).toBeCloseTo((B - 1) * Math.log1p(Math.exp(BIAS)) + Math.log1p(Math.exp(-BIAS)), 12);
});

// @proves siglipLoss
test('gradients by finite differences', () => {
  scope(() => {
    const leaves = [matrix(IMAGE), matrix(TEXT), scalar(SCALE), scalar(BIAS)].map((leaf) =>
      leaf.requireGrad(),
    );
    backward(siglipLoss(leaves[0], leaves[1], { logitScale: leaves[2], bias: leaves[3] }));
    const [image, text, scale, bias] = gradsOf(leaves).map((grad) => grad!.toNumbers());
    expect(
      error(
        image,
        finiteDifferences((x) => naive(reshape(x, E), TEXT), IMAGE.flat()),
      ),
    ).toBeLessThan(1e-8);
    expect(
      error(
        text,
        finiteDifferences((x) => naive(IMAGE, reshape(x, E)), TEXT.flat()),
      ),
    ).toBeLessThan(1e-8);
    expect(
      error(
        scale,
        finiteDifferences(([x]) => naive(IMAGE, TEXT, { scale: x }), [SCALE]),
      ),
    ).toBeLessThan(1e-8);
    expect(
      error(
        bias,
        finiteDifferences(([x]) => naive(IMAGE, TEXT, { bias: x }), [BIAS]),
      ),
    ).toBeLessThan(1e-8);
  });
});

test('the mean over ranks is the loss of the whole batch', () => {
  const image = unitRows(6, E, 3);
  const text = unitRows(6, E, 4);
  for (const ranks of [2, 3]) {
    const rows = 6 / ranks;
    const shares = Array.from({ length: ranks }, (_, rank) =>
      scope(() => {
        const localImages = matrix(image.slice(rank * rows, (rank + 1) * rows));
        return siglipLoss(localImages, matrix(text), {
          logitScale: scalar(SCALE),
          bias: scalar(BIAS),
          offset: rank * rows,
        }).item();
      }),
    );
    expect(error([shares.reduce((a, b) => a + b) / ranks], [lossOf(image, text)])).toBeLessThan(1e-13);
  }
});
