import { describe, expect, test } from 'vitest';
import { memoryStats, scope, tensor } from '../../torch/index.ts';
import { LearnedTemperature, type TemperatureOptions } from './temperature.ts';

const OPTIONS: TemperatureOptions = {
  lr: 0.05,
  peakLr: 0.1,
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-6,
  min: 0.01,
  max: 1,
  schedule: 'constant',
};
const SLOPES = [3, -1, 0.5, 40, -7, 2];

/** Adam on theta = log(1 / tau), in plain numbers. */
function naive(start: number, slopes: readonly number[], options: TemperatureOptions): number[] {
  const { lr, beta1, beta2, eps, min, max, schedule } = options;
  let theta = Math.log(1 / start);
  let first = 0;
  let second = 0;
  return slopes.map((slope, k) => {
    const tau = Math.exp(-theta);
    const gradient = -tau * slope;
    first = beta1 * first + (1 - beta1) * gradient;
    second = beta2 * second + (1 - beta2) * gradient ** 2;
    const update = first / (1 - beta1 ** (k + 1)) / (Math.sqrt(second / (1 - beta2 ** (k + 1))) + eps);
    theta -= (schedule === 'constant' || tau > 0.03 ? lr : lr / 3) * update;
    theta = Math.min(Math.log(1 / min), Math.max(Math.log(1 / max), theta));
    return Math.exp(-theta);
  });
}

function run(start: number, slopes: readonly number[], options: TemperatureOptions): number[] {
  return scope(() => {
    const theta = tensor([Math.log(1 / start)], [], { dtype: 'float64' });
    const temperature = new LearnedTemperature(theta, options);
    const taus = slopes.map((slope) => {
      temperature.step(tensor([slope], [], { dtype: 'float64' }), { lr: 0.1 });
      return temperature.tau.item();
    });
    temperature.dispose();
    return taus;
  });
}

describe('LearnedTemperature', () => {
  test.each([
    { name: 'constant', start: 0.07, options: OPTIONS },
    {
      name: 'a third below 0.03',
      start: 0.029,
      options: { ...OPTIONS, schedule: 'step-threshold' as const },
    },
    { name: 'the whole above', start: 0.04, options: { ...OPTIONS, schedule: 'step-threshold' as const } },
    {
      // @proves LearnedTemperature
      name: 'across the threshold',
      start: 0.0305,
      options: { ...OPTIONS, schedule: 'step-threshold' as const },
    },
    // @proves LearnedTemperature
  ])('is Adam on log(1 / tau): $name', ({ start, options }) => {
    run(start, SLOPES, options).forEach((tau, k) => {
      expect(tau).toBeCloseTo(naive(start, SLOPES, options)[k], 12);
    });
  });

  // @proves LearnedTemperature
  test('a positive slope lowers tau, a negative one raises it', () => {
    expect(run(0.1, [1], OPTIONS)[0]).toBeLessThan(0.1);
    expect(run(0.1, [-1], OPTIONS)[0]).toBeGreaterThan(0.1);
  });

  // @proves LearnedTemperature
  test('tau stays between its bounds', () => {
    const fast = { ...OPTIONS, lr: 5 };
    expect(run(0.1, [1, 1, 1], fast).at(-1)).toBeCloseTo(0.01, 12);
    expect(run(0.1, [-1, -1, -1], fast).at(-1)).toBeCloseTo(1, 12);
  });

  test('carries no gradient, and leaves no tensor behind', () => {
    const before = memoryStats().liveTensors;
    const theta = tensor([1], []).persist().requireGrad();
    const temperature = new LearnedTemperature(theta, OPTIONS);
    const made = memoryStats().liveTensors;
    scope(() => {
      expect(temperature.tau.requiresGrad).toBe(false);
      expect(theta.requiresGrad).toBe(false);
      temperature.step(tensor([1], []), { lr: 0.1 });
    });
    expect(memoryStats().liveTensors).toBe(made);
    temperature.dispose();
    theta.dispose();
    expect(memoryStats().liveTensors).toBe(before);
  });
});
