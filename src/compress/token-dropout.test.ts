import { describe, expect, test } from 'vitest';
import { Generator, memoryStats, scope } from '../torch/index.ts';
import { keptTokens } from './compression.ts';
import type { StepRows } from './step-random.ts';
import { keepTokens } from './token-dropout.ts';

const COUNT = 4000;
const N = 16;
const AT: StepRows = {
  seed: 7,
  step: 3,
  view: 0,
  rows: { first: 0, total: COUNT },
  count: COUNT,
  device: 'cpu',
};

function draw(at: Partial<StepRows> = {}, tokenDropout = 0.75, patches = N): number[][] {
  return scope(() => {
    const keep = keepTokens({ ...AT, ...at }, { patches, tokenDropout });
    expect(keep.dtype).toBe('int64');
    const kept = keptTokens(patches, tokenDropout);
    expect(keep.shape).toEqual([at.count ?? COUNT, kept]);
    const flat = keep.toNumbers();
    return Array.from({ length: flat.length / kept }, (_, i) => flat.slice(i * kept, (i + 1) * kept));
  });
}

const masks = (rows: number[][]) =>
  rows.map((row) => Array.from({ length: N }, (_, token) => Number(row.includes(token))));

describe('keepTokens', () => {
  test.each([0.1, 0.5, 0.75, 0.9])('d = %s: as many as the rule says, none twice, all in range', (d) => {
    for (const row of draw({ count: 50 }, d, 49)) {
      expect(new Set(row).size).toBe(row.length);
      expect(row.every((token) => Number.isInteger(token) && token >= 0 && token < 49)).toBe(true);
    }
  });

  test('each token stays with probability K / N (chi-squared, one in 10,000)', () => {
    const [kept, share] = [4, 4 / N];
    const counts = Array<number>(N).fill(0);
    for (const token of draw().flat()) counts[token]++;
    // A row's counts are K of N without replacement: their covariance is K/N (1 - K/N) (N I - 1) / (N - 1), so this
    // sum of squares is chi-squared with N - 1 degrees of freedom.
    const spread = (COUNT * share * (1 - share) * N) / (N - 1);
    const chiSquared = counts.reduce((sum, n) => sum + (n - COUNT * share) ** 2 / spread, 0);
    expect(counts.reduce((a, b) => a + b)).toBe(kept * COUNT);
    expect(chiSquared).toBeLessThan(44.3); // 15 degrees of freedom
    expect(chiSquared).toBeGreaterThan(2.1); // nor too even: one in 10,000
  });

  test('each pair stays with probability K (K - 1) / (N (N - 1)): uniform subsets, not blocks', () => {
    const pairs = new Map<string, number>();
    for (const row of draw()) {
      const sorted = [...row].sort((a, b) => a - b);
      sorted.forEach((a, i) => {
        for (const b of sorted.slice(i + 1)) pairs.set(`${a} ${b}`, (pairs.get(`${a} ${b}`) ?? 0) + 1);
      });
    }
    const probability = (4 * 3) / (N * (N - 1));
    const spread = Math.sqrt(COUNT * probability * (1 - probability));
    expect(pairs.size).toBe((N * (N - 1)) / 2);
    for (const count of pairs.values())
      expect(Math.abs(count - COUNT * probability)).toBeLessThan(5 * spread);
  });

  test('samples, views and steps are independent: masks overlap by K² / N on average', () => {
    const mean = 4 ** 2 / N;
    const spread = Math.sqrt((mean * (1 - 4 / N) ** 2 * N) / (N - 1)); // of a hypergeometric count
    const overlap = (a: number[][], b: number[][]) => {
      const [x, y] = [masks(a), masks(b)];
      const shared = x.map((row, i) => row.reduce((sum, v, k) => sum + v * y[i][k], 0));
      return shared.reduce((sum, v) => sum + v, 0) / shared.length;
    };
    const rows = draw();
    const bound = 4.5 * (spread / Math.sqrt(COUNT));
    for (const other of [
      [...rows.slice(1), rows[0]],
      draw({ view: 1 }),
      draw({ step: 4 }),
      draw({ seed: 8 }),
    ])
      expect(Math.abs(overlap(rows, other) - mean)).toBeLessThan(bound);
    expect(overlap(rows, rows)).toBe(4);
  });

  test('a rank, a part of its batch and a resumed run draw the rows of the whole', () => {
    const whole = draw();
    expect(draw()).toEqual(whole);
    expect(draw({ rows: { first: 1000, total: COUNT }, count: 250 })).toEqual(whole.slice(1000, 1250));
    expect(() => draw({ rows: { first: COUNT - 10, total: COUNT }, count: 11 })).toThrow(
      /rows 3990 to 4001 are not in a global batch of 4000/,
    );
  });

  test('leaves the default stream alone, and no tensor but its result', () => {
    const before = new Generator('cpu').state();
    const live = memoryStats().liveTensors;
    const keep = keepTokens(AT, { patches: N, tokenDropout: 0.5 });
    expect(memoryStats().liveTensors).toBe(live + 1);
    expect(new Generator('cpu').state().toArray()).toEqual(before.toArray());
    keep.dispose();
  });
});
