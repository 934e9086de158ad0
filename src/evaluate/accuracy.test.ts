import { expect, it } from 'vitest';
import { scope, type Tensor, tensor, zeros } from '../torch/index.ts';
import { type Accuracy, accuracy } from './accuracy.ts';

const labelsOf = (labels: readonly number[]) => tensor(BigInt64Array.from(labels, BigInt));
const measure = (scores: () => Tensor, labels: readonly number[]): Accuracy =>
  scope(() => accuracy(scores(), labelsOf(labels)));

// @proves accuracy
it('counts the pictures whose class has the first place, and one of the first five', () => {
  const scores = () => tensor([9, 8, 7, 6, 5, 4, 3], [1, 7]).expand(4, 7);
  expect(measure(scores, [0, 1, 4, 5])).toEqual({ top1: 1 / 4, top5: 3 / 4 });
});

it('constant scores have the accuracy of chance, and fewer than five classes are all among the first five', () => {
  const constant = measure(() => zeros([10, 10]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(constant.top1).toBeCloseTo(0.1, 6);
  expect(constant.top5).toBeCloseTo(0.5, 6);
  const few = measure(() => zeros([3, 3]), [0, 0, 2]);
  expect(few.top1).toBeCloseTo(1 / 3, 6);
  expect(few.top5).toBe(1);
});

// @proves accuracy
it('a tie counts with the share of its places that are within', () => {
  // The own class shares the places 1 and 2; the other's, in the second row, 5 and 6.
  const scores = () => tensor([3, 3, 2, 1, 0, 0, -1, 9, 8, 7, 6, 5, 5, 0], [2, 7]);
  expect(measure(scores, [0, 4])).toEqual({ top1: 0.25, top5: 0.75 });
});

it('what is no number is wrong', () => {
  const scores = () => tensor([Number.NaN, 0, 0, 0, 0, Number.NaN], [3, 2]);
  expect(measure(scores, [0, 0, 0])).toEqual({ top1: 0.5 / 3, top5: 1 / 3 });
});

it('an infinite score wins nothing', () => {
  const scores = () => tensor([Number.POSITIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, 1, 1, 0], [3, 2]);
  expect(measure(scores, [0, 1, 0])).toEqual({ top1: 1 / 3, top5: 1 / 3 });
});

it('a picture without a class is wrong', () => {
  expect(measure(() => tensor([1, 0, 1, 0], [2, 2]), [0, -1])).toEqual({ top1: 0.5, top5: 0.5 });
});

it('many rows are the mean over their parts', () => {
  const labels = Array.from({ length: 9000 }, (_, i) => (i < 4500 ? 0 : 1));
  expect(measure(() => tensor([1, 0], [1, 2]).expand(9000, 2), labels)).toEqual({ top1: 0.5, top5: 1 });
});
