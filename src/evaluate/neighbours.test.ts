import { describe, expect, it } from 'vitest';
import { unitRows } from '../nn/unit-rows.ts';
import { cudaCount, Generator, memoryStats, randn, scope, tensor } from '../torch/index.ts';
import { neighbours, neighbourVotes } from './neighbours.ts';

const labelsOf = (labels: readonly number[], device = 'cpu') =>
  tensor(BigInt64Array.from(labels, BigInt), undefined, { device });

/** The definition, in loops. */
function votesByLoop(
  queries: number[][],
  rows: { features: number[][]; labels: number[] },
  { k, temperature, classes }: { k: number; temperature: number; classes: number },
): number[][] {
  return queries.map((query) => {
    const near = rows.features
      .map((row, i) => ({ s: row.reduce((sum, x, j) => sum + x * query[j], 0), label: rows.labels[i] }))
      .sort((a, b) => b.s - a.s)
      .slice(0, k);
    const votes = Array<number>(classes).fill(0);
    for (const { s, label } of near) votes[label] += Math.exp(s / temperature);
    return votes;
  });
}

const grid = (numbers: number[], width: number) =>
  Array.from({ length: numbers.length / width }, (_, i) => numbers.slice(i * width, (i + 1) * width));

describe.each(cudaCount() > 0 ? ['cpu', 'cuda'] : ['cpu'])('on %s', (device) => {
  it.each([
    { k: 1, temperature: 0.07 },
    { k: 7, temperature: 0.07 },
    { k: 200, temperature: 0.5 }, // more than there are rows
    // @proves neighbourVotes
  ])('is the loop, with k = $k and T = $temperature', ({ k, temperature }) => {
    scope(() => {
      const options = { k, temperature, classes: 5 };
      const draw = new Generator('cpu', 3);
      const [queries, features] = [unitRows(randn([9, 6], draw)), unitRows(randn([40, 6], draw))];
      const labels = Array.from({ length: 40 }, (_, i) => (i * 7) % 5);
      const rows = { features: features.toDevice(device), labels: labelsOf(labels, device) };
      const votes = grid(neighbourVotes(queries.toDevice(device), rows, options).toNumbers(), 5);
      const loop = votesByLoop(
        grid(queries.toNumbers(), 6),
        { features: grid(features.toNumbers(), 6), labels },
        options,
      );
      votes.forEach((row, i) => {
        const total = row.reduce((a, b) => a + b);
        const whole = loop[i].reduce((a, b) => a + b);
        row.forEach((vote, c) => {
          expect(vote / total).toBeCloseTo(loop[i][c] / whole, 5);
        });
      });
    });
  });
});

// @proves neighbourVotes
it('two far neighbours outvote a near one exactly when exp(s / T) says so', () => {
  scope(() => {
    const at = (angle: number) => [Math.cos(angle), Math.sin(angle)];
    const features = tensor([at(0.1), at(0.5), at(-0.5)].flat(), [3, 2]);
    const rows = { features, labels: labelsOf([0, 1, 1]) };
    const queries = { features: tensor(at(0), [1, 2]), labels: labelsOf([0]) };
    // exp(cos 0.1 / T) > 2 exp(cos 0.5 / T) for T < (cos 0.1 - cos 0.5) / ln 2
    const bound = (Math.cos(0.1) - Math.cos(0.5)) / Math.LN2;
    const top1 = (temperature: number) => neighbours(queries, rows, { k: 3, temperature, classes: 2 }).top1;
    expect(top1(0.99 * bound)).toBe(1);
    expect(top1(1.01 * bound)).toBe(0);
    expect(top1(0.001)).toBe(1); // finite: exp(1 / 0.001) alone is not
    expect(neighbours(queries, rows, { k: 1, temperature: 100, classes: 2 }).top1).toBe(1);
  });
});

it('classes with equal votes share the hit, and the same row under two labels is a tie', () => {
  scope(() => {
    const rows = { features: tensor([1, 0, 1, 0], [2, 2]), labels: labelsOf([0, 1]) };
    const queries = { features: tensor([0.6, 0.8], [1, 2]), labels: labelsOf([1]) };
    expect(neighbours(queries, rows, { k: 2, temperature: 0.07, classes: 8 })).toEqual({
      pictures: 1,
      reference: 2,
      classes: 8,
      k: 2,
      temperature: 0.07,
      top1: 0.5,
      top5: 1,
    });
  });
});

it('many queries are cut into parts, and nothing is left behind', () => {
  const before = memoryStats().liveTensors;
  scope(() => {
    const draw = new Generator('cpu', 1);
    const features = unitRows(randn([20000, 8], draw));
    const labels = labelsOf(Array.from({ length: 20000 }, (_, i) => i % 100));
    const queries = { features: features.narrow(0, 0, 2000), labels: labels.narrow(0, 0, 2000) }; // parts of 1677
    const report = neighbours(queries, { features, labels }, { k: 1, temperature: 0.07, classes: 100 });
    expect(report.top1).toBe(1); // each is its own nearest
  });
  expect(memoryStats().liveTensors).toBe(before);
});

it('rows that are not finite have no vote, and such queries are misses', () => {
  const before = memoryStats().liveTensors;
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    scope(() => {
      const rows = { features: tensor([value, 0, 1, 0, 0, 1], [3, 2]), labels: labelsOf([1, 0, 1]) };
      const queries = { features: tensor([1, 0, 0, 1, value, 1], [3, 2]), labels: labelsOf([0, 1, 1]) };
      const options = { temperature: 0.07, classes: 2 };
      expect(neighbours(queries, rows, { ...options, k: 1 })).toMatchObject({
        reference: 2,
        pictures: 3,
        top1: 2 / 3,
      });
      expect(neighbours(queries, rows, { ...options, k: 3 })).toMatchObject({
        k: 2,
        top1: 2 / 3,
        top5: 2 / 3,
      });
      const none = { features: tensor(Array<number>(6).fill(value), [3, 2]), labels: rows.labels };
      expect(neighbours(queries, none, { ...options, k: 1 })).toMatchObject({ top1: 0, top5: 0 });
    });
  expect(memoryStats().liveTensors).toBe(before);
});
