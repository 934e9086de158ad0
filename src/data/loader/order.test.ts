import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Draws, hash32 } from '../random.ts';
import { candidateAt, permute, sampleAt } from './order.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 40 });

describe('permute', () => {
  test('property: every index exactly once, for any size, seed and epoch', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 3000 }),
      seeds,
      fc.integer({ min: 0, max: 500 }),
      (count, seed, epoch) => {
        const seen = new Uint8Array(count);
        for (let index = 0; index < count; index++) seen[permute(index, count, { seed, epoch })]!++;
        expect(seen.every((times) => times === 1)).toBe(true);
      },
    );
    fc.assert(property, { seed: 1, numRuns: 60 });
  });

  test('property: indices of very large sets stay within them and differ', () => {
    const property = fc.property(fc.integer({ min: 2 ** 33, max: 2 ** 50 }), seeds, (count, seed) => {
      const indices = Array.from({ length: 200 }, (_, k) =>
        permute(count - 1 - k * 1001, count, { seed, epoch: 3 }),
      );
      expect(indices.every((value) => Number.isSafeInteger(value) && value >= 0 && value < count)).toBe(true);
      expect(new Set(indices).size).toBe(200);
    });
    fc.assert(property, { seed: 1, numRuns: 30 });
  });

  test('orders look random: neighbours part, epochs and seeds differ', () => {
    const count = 10_000;
    const order = (seed: number, epoch: number) =>
      Array.from({ length: count }, (_, i) => permute(i, count, { seed, epoch }));
    const first = order(1, 0);
    const same = (other: number[]) => first.filter((value, i) => value === other[i]).length;
    expect(same(order(1, 1))).toBeLessThan(10);
    expect(same(order(2, 0))).toBeLessThan(10);
    // Mean distance of two random points on [0, n] is n / 3, with a standard deviation of about 0.0024 n here.
    const steps = first.slice(1).map((value, i) => Math.abs(value - first[i]!));
    expect(Math.abs(steps.reduce((a, b) => a + b) / steps.length / count - 1 / 3)).toBeLessThan(0.012);
  });
});

describe('sampleAt', () => {
  test('property: entering at any position gives the same stream', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 500 }),
      seeds,
      fc.integer({ min: 0, max: 3000 }),
      (count, seed, start) => {
        const stream = Array.from({ length: start + 20 }, (_, p) => sampleAt(p, count, seed));
        const entered = Array.from({ length: 20 }, (_, k) => sampleAt(start + k, count, seed));
        expect(entered).toEqual(stream.slice(start));
        expect(entered[0]!.epoch).toBe(Math.floor(start / count));
      },
    );
    fc.assert(property, { seed: 1, numRuns: 40 });
  });
});

describe('candidateAt', () => {
  test('tries the own sample first, then others, the same ones wherever the stream is entered', () => {
    const stream = { count: 50, seed: 4 };
    for (const position of [0, 49, 50, 1234]) {
      const { epoch, index } = sampleAt(position, 50, 4);
      expect(candidateAt(position, 0, stream)).toEqual({ epoch, id: index });
      const others = Array.from({ length: 49 }, (_, k) => candidateAt(position, k + 1, stream));
      expect(others.every((other) => other.epoch === epoch)).toBe(true);
      expect(new Set(others.map(({ id }) => id)).size).toBe(49);
    }
    const next = [10, 11].map((position) => candidateAt(position, 1, stream).id);
    expect(next[0]).not.toBe(next[1]);
  });
});

describe('Draws', () => {
  test('are uniform, repeatable, and depend on every part', () => {
    const draws = new Draws(1, 2, 3);
    const values = Array.from({ length: 20_000 }, () => draws.unit());
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    // The mean's standard deviation is 0.002.
    expect(Math.abs(values.reduce((a, b) => a + b) / values.length - 0.5)).toBeLessThan(0.01);
    const buckets = new Array<number>(10).fill(0);
    for (const value of values) buckets[Math.floor(value * 10)]!++;
    expect(Math.max(...buckets.map((count) => Math.abs(count - 2000)))).toBeLessThan(220);
    expect(new Draws(1, 2, 3).unit()).toBe(values[0]);
    for (const parts of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
      [1, 2 + 2 ** 32, 3],
      [1, 2],
    ]) {
      expect(new Draws(...parts).unit()).not.toBe(values[0]);
    }
    expect(hash32([5, 6], 0)).not.toBe(hash32([5, 6], 1));
  });
});
