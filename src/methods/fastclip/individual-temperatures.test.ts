import { describe, expect, test } from 'vitest';
import { error, uniform } from '../../../tests/contract/numbers.ts';
import { scope, tensor } from '../../torch/index.ts';
import { movedTemperatures, type TemperatureState, unpackTemperatures } from './individual-temperatures.ts';

const OPTIONS = { lr: 0.0133, beta1: 0.9, beta2: 0.98, eps: 1e-6, min: 0.01, max: 1 };
const vector = (values: number[]) => tensor(Float64Array.from(values));

/** FastCLIP 3: `gradients[epoch][sample]` -> tau after each epoch. */
function naive(start: number[], gradients: number[][], options = OPTIONS): number[][] {
  const { lr, eps, min, max } = options;
  const samples = start.map((tau) => ({ tau, m: 0, v: 0 }));
  return gradients.map((row, epoch) =>
    samples.map((sample, i) => {
      const [beta1, beta2] = epoch === 0 ? [0, 0] : [options.beta1, options.beta2];
      sample.m = beta1 * sample.m + (1 - beta1) * row[i];
      sample.v = beta2 * sample.v + (1 - beta2) * row[i] ** 2;
      const mean = sample.m / (1 - beta1 ** (epoch + 1));
      const spread = sample.v / (1 - beta2 ** (epoch + 1));
      sample.tau = Math.min(max, Math.max(min, sample.tau - (lr * mean) / (Math.sqrt(spread) + eps)));
      return sample.tau;
    }),
  );
}

function run(start: number[], gradients: number[][], options = OPTIONS): number[][] {
  return scope(() => {
    let state: TemperatureState = {
      tau: vector(start),
      first: vector(start.map(() => 0)),
      second: vector(start.map(() => 0)),
    };
    return gradients.map((row, epoch) => {
      state = movedTemperatures(state, vector(row), { ...options, epoch });
      return state.tau.toNumbers();
    });
  });
}

describe("v2's temperatures", () => {
  const START = [0.03, 0.5, 0.9, 0.011];
  const next = uniform(3);
  const GRADIENTS = Array.from({ length: 6 }, () => START.map(() => 5 * next()));

  // @proves movedTemperatures
  test('six epochs of Adam, sample by sample', () => {
    const expected = naive(START, GRADIENTS);
    run(START, GRADIENTS).forEach((taus, epoch) => {
      expect(error(taus, expected[epoch])).toBeLessThan(1e-12);
    });
    const inside = expected.flat().filter((tau) => tau > 0.01 && tau < 1);
    expect(inside.length).toBeGreaterThan(16); // the bounds do not hide the rule
  });

  // @proves movedTemperatures
  test('the first epoch is a step of the sign: from 0.03 to 0.0167 or 0.0433', () => {
    const [[down, up]] = run([0.03, 0.03], [[2.5, -0.3]]);
    expect(down).toBeCloseTo(0.0167, 6);
    expect(up).toBeCloseTo(0.0433, 6);
  });

  // @proves movedTemperatures
  test('an epoch counts whole, whatever its part', () => {
    const state = () => ({ tau: vector([0.5]), first: vector([0.2]), second: vector([0.1]) });
    const tauAt = (epoch: number) =>
      scope(() => movedTemperatures(state(), vector([1]), { ...OPTIONS, epoch }).tau.item());
    expect(tauAt(3.7)).toBe(tauAt(3));
    expect(tauAt(0.9)).toBe(tauAt(0));
    expect(tauAt(3)).not.toBe(tauAt(4));
  });

  // @proves movedTemperatures
  test('tau stays between its bounds', () => {
    const fast = { ...OPTIONS, lr: 3 };
    expect(run([0.03, 0.03], [[1, -1]], fast)).toEqual([[0.01, 1]]);
  });

  test("a table's columns hold the image's three numbers, then the text's", () => {
    scope(() => {
      const { image, text } = unpackTemperatures(tensor([1, 2, 3, 4, 5, 6], [6, 1]));
      const numbers = ({ tau, first, second }: TemperatureState) => [tau.item(), first.item(), second.item()];
      expect([numbers(image), numbers(text)]).toEqual([
        [1, 2, 3],
        [4, 5, 6],
      ]);
    });
  });
});
