import { expect, test } from 'vitest';
import { backward, gradsOf, scope, tensor } from '../torch/index.ts';
import { clipEachGradNorm, clipGradNorm } from './clip-grad.ts';

/** Gradients [3, 0] and [[4]]: joint norm 5. */
const leaves = () => {
  const made = [tensor([1, 1]).requireGrad(), tensor([1], [1, 1]).requireGrad(), tensor([1]).requireGrad()];
  backward(
    made[0]
      .mul(tensor([3, 0]))
      .sum()
      .add(made[1].mul(4).sum()),
  );
  return made; // the third has no gradient
};

test('one factor for all, so that the joint norm is the bound', () => {
  scope(() => {
    const params = leaves();
    expect(clipGradNorm(params, 2).item()).toBeCloseTo(5, 6);
    const [first, second, none] = gradsOf(params);
    expect(none).toBeNull();
    expect(first!.toNumbers()).toEqual([expect.closeTo(1.2, 5), 0]);
    expect(second!.toNumbers()).toEqual([expect.closeTo(1.6, 5)]);
    expect(clipGradNorm(params, 2).item()).toBeCloseTo(2, 5);
  });
});

test('below the bound nothing changes', () => {
  scope(() => {
    const params = leaves();
    expect(clipGradNorm(params, 100).item()).toBeCloseTo(5, 6);
    expect(gradsOf(params)[0]!.toNumbers()).toEqual([3, 0]);
    expect(gradsOf(params)[1]!.toNumbers()).toEqual([4]);
  });
});

test('each by itself: only those above the bound are scaled, each by its own factor', () => {
  scope(() => {
    const params = leaves();
    clipEachGradNorm(params, 3.5);
    const [first, second, none] = gradsOf(params);
    expect(none).toBeNull();
    expect(first!.toNumbers()).toEqual([3, 0]);
    expect(second!.toNumbers()).toEqual([expect.closeTo(3.5, 5)]);
  });
});
