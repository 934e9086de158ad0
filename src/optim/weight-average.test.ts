import { expect, test } from 'vitest';
import { memoryStats, noGrad, scope, tensor } from '../torch/index.ts';
import { WeightAverage } from './weight-average.ts';

const VALUES = [
  [1, -2, 3],
  [4, 5, -6],
  [0.5, 0.25, 8],
];

function made(momentum: number) {
  const weight = tensor([2, 2, 2], [3], { dtype: 'float64' }).persist();
  const average = new WeightAverage(new Map([['w', weight]]), { momentum });
  const set = (values: number[]) => scope(() => noGrad(() => weight.copy_(tensor(values, [3]))));
  const close = () => {
    average.dispose();
    weight.dispose();
  };
  const values = () => average.state().tensors.get('w')!.toNumbers();
  return { weight, average, set, values, close };
}

// 0.15 lies between the first two bounds of the warm-up, 1/10 and 2/11.
test.each([0, 0.15, 0.9999])(
  'momentum %d: each average is m times the last and 1 - m times the weights',
  (momentum) => {
    const { average, set, values, close } = made(momentum);
    let expected = [2, 2, 2];
    VALUES.forEach((weights, t) => {
      set(weights);
      average.update();
      const m = Math.min(momentum, (1 + t) / (10 + t));
      expected = expected.map((value, i) => m * value + (1 - m) * weights[i]);
      values().forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 12);
      });
    });
    expect(average.state().updates).toBe(3);
    close();
  },
);

test('weights hold their averages while a body runs, also when it throws, and are back to the last bit', async () => {
  const before = memoryStats().liveTensors;
  const { weight, average, set, values, close } = made(0.5);
  set(VALUES[0]);
  average.update();
  const averages = values();
  await average.during(async () => expect(weight.toNumbers()).toEqual(averages));
  const failed = average.during(async () => {
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect(weight.toNumbers()).toEqual(VALUES[0]);
  expect(values()).toEqual(averages);
  close();
  expect(memoryStats().liveTensors).toBe(before);
});

test('a restart forgets what was', () => {
  const { average, set, values, close } = made(0.9);
  average.update();
  set(VALUES[1]);
  average.restart();
  expect(values()).toEqual(VALUES[1]);
  expect(average.state().updates).toBe(0);
  close();
});
