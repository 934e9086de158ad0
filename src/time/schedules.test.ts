import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stepContextAt } from './clock.ts';
import { afterWarmup, cosine, gammaSchedule, type Schedule, withWarmup } from './schedules.ts';

const steps = (schedule: Schedule, total: number) =>
  Array.from({ length: total }, (_, k) => schedule(k / total));
const lr = (peak: number, warmup: number, total: number) =>
  withWarmup(cosine(peak, 0), { peak, warmup: warmup / total, tick: 1 / total });

describe('stepContextAt', () => {
  test('counts updates done, samples seen and passes over the data', () => {
    expect(stepContextAt(30, { totalSteps: 120, globalBatchSize: 8, datasetSize: 96 })).toEqual({
      step: 30,
      totalSteps: 120,
      lr: 0,
      progress: 0.25,
      samplesSeen: 240,
      epoch: 2.5,
      totalEpochs: 10,
    });
  });
});

describe('cosine', () => {
  test('ends where it says, halfway in the middle, and stays after', () => {
    const fall = cosine(3, 1);
    expect([0, 0.5, 1, 2].map(fall)).toEqual([3, 2, 1, 1].map((v) => expect.closeTo(v, 12)));
    expect(fall(-1)).toBe(3);
    expect(fall(1 / 3)).toBeCloseTo(2.5, 12);
  });

  test('falls or rises without turning, and never leaves its range', () => {
    const number = fc.double({ min: -10, max: 10, noNaN: true });
    fc.assert(
      fc.property(number, number, (from, to) => {
        const values = steps(cosine(from, to), 50);
        const sign = Math.sign(to - from);
        for (let k = 1; k < values.length; k++)
          expect(sign * (values[k] - values[k - 1])).toBeGreaterThanOrEqual(-1e-12);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(Math.min(from, to) - 1e-12);
        expect(Math.max(...values)).toBeLessThanOrEqual(Math.max(from, to) + 1e-12);
      }),
    );
  });
});

describe('withWarmup', () => {
  // @proves withWarmup
  test('rises by equal steps to the peak, then follows the body from its start', () => {
    const rates = steps(lr(2, 4, 20), 20);
    expect(rates.slice(0, 4)).toEqual([0.5, 1, 1.5, 2].map((v) => expect.closeTo(v, 12)));
    expect(rates[4]).toBeCloseTo(2, 12);
    expect(rates[12]).toBeCloseTo(1, 12); // the middle of the 16 steps that remain
    expect(rates[19]).toBeCloseTo(1 + Math.cos((Math.PI * 15) / 16), 12);
  });

  test('no warm-up, one step of it, nothing but warm-up', () => {
    expect(steps(lr(1, 0, 4), 4)[0]).toBe(1);
    expect(steps(lr(1, 1, 4), 4).slice(0, 2)).toEqual([1, 1]);
    expect(steps(lr(1, 4, 4), 4)).toEqual([0.25, 0.5, 0.75, 1].map((v) => expect.closeTo(v, 12)));
  });

  test('any warm-up: it rises for exactly its steps, then falls, and no two neighbours are far apart', () => {
    const sizes = fc
      .integer({ min: 2, max: 400 })
      .chain((total) => fc.tuple(fc.constant(total), fc.nat(total - 1)));
    fc.assert(
      fc.property(sizes, ([total, warmup]) => {
        const rates = steps(lr(1, warmup, total), total);
        for (let k = 0; k < warmup; k++) expect(rates[k]).toBeCloseTo((k + 1) / warmup, 9);
        const fastest = Math.max(1 / Math.max(1, warmup), Math.PI / 2 / (total - warmup)) + 1e-9;
        for (let k = 1; k < total; k++) {
          if (k >= warmup) expect(rates[k]).toBeLessThanOrEqual(rates[Math.max(warmup, k - 1)] + 1e-12);
          expect(Math.abs(rates[k] - rates[k - 1])).toBeLessThanOrEqual(fastest);
        }
      }),
    );
  });
});

describe('afterWarmup', () => {
  test('stays at the start of the body until the warm-up is over, then is what follows it', () => {
    const body = cosine(2, 0);
    const after = afterWarmup(body, 0.2);
    expect([0, 0.1, 0.2, 0.6, 1].map(after)).toEqual([2, 2, 2, 1, 0].map((v) => expect.closeTo(v, 12)));
    const whole = withWarmup(body, { peak: 2, warmup: 0.2, tick: 0.05 });
    for (const progress of [0.2, 0.35, 0.8, 0.95]) expect(after(progress)).toBe(whole(progress));
    expect([0, 0.9].map(afterWarmup(body, 1))).toEqual([2, 2]); // nothing but warm-up
  });
});

describe('gammaSchedule', () => {
  const at = (epoch: number) => ({
    ...stepContextAt(0, { totalSteps: 1, globalBatchSize: 1, datasetSize: 1 }),
    epoch,
  });
  const gamma = (min: number, decayEpochs: number, per: 'epoch' | 'step' = 'epoch') =>
    gammaSchedule({ shape: 'cosine', min, decayEpochs, per });

  // methods/fastclip.md, section 2: gamma at epochs 0, 2, 4, ...
  test.each([
    {
      name: 'CC3M',
      min: 0.2,
      decay: 18,
      values: [1, 0.976, 0.906, 0.8, 0.669, 0.531, 0.4, 0.294, 0.224, 0.2, 0.2],
    },
    {
      name: 'CC12M',
      min: 0.2,
      decay: 16,
      values: [1, 0.97, 0.883, 0.753, 0.6, 0.447, 0.317, 0.23, 0.2, 0.2],
    },
    { name: 'LAION', min: 0.8, decay: 10, values: [1, 0.981, 0.931, 0.869, 0.819, 0.8, 0.8] },
    { name: 'DFN', min: 1, decay: 7, values: [1, 1, 1, 1, 1] },
    // @proves gammaSchedule
  ])('the published values for $name', ({ min, decay, values }) => {
    const schedule = gamma(min, decay);
    values.forEach((value, k) => {
      expect(schedule(at(2 * k))).toBeCloseTo(value, 3);
    });
  });

  // @proves gammaSchedule
  test('per epoch it is constant within an epoch; per step it moves on, without a jump', () => {
    const published = gamma(0.2, 8);
    expect(published(at(3.99))).toBe(published(at(3)));
    expect(published(at(4))).toBeLessThan(published(at(3.99)) - 0.05);
    const smooth = gamma(0.2, 8, 'step');
    for (let epoch = 0; epoch < 10; epoch += 0.01) {
      expect(smooth(at(epoch + 0.01))).toBeLessThanOrEqual(smooth(at(epoch)));
      expect(smooth(at(epoch)) - smooth(at(epoch + 0.01))).toBeLessThan(0.01);
    }
    for (const epoch of [0, 1, 5, 8, 9]) expect(smooth(at(epoch))).toBeCloseTo(published(at(epoch)), 12);
  });

  // @proves gammaSchedule
  test('constant: 1 in the first epoch, then its value', () => {
    for (const per of ['epoch', 'step'] as const) {
      const schedule = gammaSchedule({ shape: 'constant', min: 0.6, decayEpochs: 1, per });
      expect([0, 0.99, 1, 5].map((epoch) => schedule(at(epoch)))).toEqual([1, 1, 0.6, 0.6]);
    }
  });
});
