import { describe, expect, it } from 'vitest';
import { COLUMNS, column, drawPhotometric } from './draws.ts';
import { mocoV3Recipes, simclrRecipes } from './recipes.ts';

const COUNT = 20_000;
const positions = Array.from({ length: COUNT }, (_, i) => 1_000 + i);
const [, second] = mocoV3Recipes(32);
const rows = drawPhotometric(second, { seed: 7, positions, view: 1 });
const columnOf = (which: number, draws = rows) =>
  Array.from({ length: draws.length / COLUMNS }, (_, row) => draws[row * COLUMNS + which]!);

/** Expected share of rows, within five standard deviations of a binomial. */
function expectShare(hits: readonly boolean[], probability: number): void {
  const share = hits.filter(Boolean).length / hits.length;
  const spread = Math.sqrt((probability * (1 - probability)) / hits.length);
  expect(Math.abs(share - probability)).toBeLessThan(5 * spread);
}

/** Kolmogorov-Smirnov distance to the uniform law; bound at one in 10,000: 2.23 / sqrt(n). */
function expectUniform(values: readonly number[], low: number, high: number): void {
  const sorted = values.map((value) => (value - low) / (high - low)).sort((a, b) => a - b);
  const distances = sorted.map((value, i) =>
    Math.max(value - i / sorted.length, (i + 1) / sorted.length - value),
  );
  expect(Math.max(...distances)).toBeLessThan(2.23 / Math.sqrt(sorted.length));
}

/** Of rounds with these weights of gray and mean. */
function amountsOf(gray: number, mean: number, draws = rows): number[] {
  const amounts: number[] = [];
  for (let start = 0; start < draws.length; start += COLUMNS) {
    if (draws[start + column.hueTurn]! < 0) continue;
    for (let at = start + column.rounds; at < start + column.hue; at += 3) {
      if (draws[at + 1] === gray && draws[at + 2] === mean) amounts.push(draws[at]!);
    }
  }
  return amounts;
}

describe('drawPhotometric', () => {
  // @proves drawPhotometric
  it('each step comes as often as the recipe says', () => {
    expectShare(
      columnOf(column.hueTurn).map((turn) => turn >= 0),
      0.8,
    );
    expectShare(
      columnOf(column.grayscale).map((on) => on === 1),
      0.2,
    );
    expectShare(
      columnOf(column.sigma).map((sigma) => sigma > 0),
      0.1,
    );
    expectShare(
      columnOf(column.solarize).map((on) => on === 1),
      0.2,
    );
  });

  // @proves drawPhotometric
  it('strengths are uniform in their ranges', () => {
    const jittered = columnOf(column.hueTurn).filter((turn) => turn >= 0).length;
    for (const [gray, mean, strength] of [
      [0, 0, 0.4],
      [0, 1, 0.4],
      [1, 0, 0.2],
    ] as const) {
      const amounts = amountsOf(gray, mean);
      expect(amounts.length).toBe(jittered);
      expectUniform(amounts, -strength, strength);
    }
    const shifts = columnOf(column.hue).filter((_, row) => rows[row * COLUMNS]! >= 0);
    expectUniform(shifts, -0.6, 0.6);
    expectUniform(
      columnOf(column.sigma).filter((sigma) => sigma > 0),
      0.1,
      2,
    );
  });

  it('a factor is never below 0: a strength above 1 is cut, as in torchvision', () => {
    const [view] = simclrRecipes(32, { strength: 2 });
    const draws = drawPhotometric(view, { seed: 7, positions, view: 0 });
    expectUniform(amountsOf(0, 0, draws), -1.6, 1);
  });

  // @proves drawPhotometric
  it('all 24 orders are equally likely (chi-squared, 23 degrees of freedom, one in 10,000)', () => {
    const counts = new Map<string, number>();
    for (let start = 0; start < rows.length; start += COLUMNS) {
      const row = rows.subarray(start, start + COLUMNS);
      if (row[column.hueTurn]! < 0) continue;
      const kinds = [0, 1, 2].map((round) => row.subarray(column.rounds + 3 * round + 1).slice(0, 2));
      const order = `${row[column.hueTurn]} ${kinds.join(' ')}`;
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const expected = [...counts.values()].reduce((sum, count) => sum + count, 0) / 24;
    const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(56);
  });

  it('depends on seed, position and view alone: a part of the batch has the rows of the whole', () => {
    const options = { seed: 7, positions: positions.slice(100, 164), view: 1 };
    expect(drawPhotometric(second, options)).toEqual(rows.slice(100 * COLUMNS, 164 * COLUMNS));
    for (const other of [
      { ...options, seed: 8 },
      { ...options, view: 0 },
      { ...options, positions: positions.slice(101, 165) },
    ]) {
      expect(drawPhotometric(second, other)).not.toEqual(drawPhotometric(second, options));
    }
  });

  it('views of one sample and neighbours in the stream are not correlated', () => {
    const other = columnOf(column.hue, drawPhotometric(second, { seed: 7, positions, view: 0 }));
    const mine = columnOf(column.hue);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const correlation = (a: number[], b: number[]) =>
      mean(a.map((value, i) => value * b[i]!)) / mean(a.map((value) => value * value));
    expect(Math.abs(correlation(mine, other))).toBeLessThan(5 / Math.sqrt(COUNT));
    expect(Math.abs(correlation(mine.slice(1), mine.slice(0, -1)))).toBeLessThan(5 / Math.sqrt(COUNT));
  });

  it('a step that is switched off leaves the draws of the others', () => {
    const { colorJitter: _, ...without } = second;
    const draws = drawPhotometric(without, { seed: 7, positions, view: 1 });
    expect(columnOf(column.solarize, draws)).toEqual(columnOf(column.solarize));
    expect(columnOf(column.sigma, draws)).toEqual(columnOf(column.sigma));
    expect(columnOf(column.hueTurn, draws).every((turn) => turn === -1)).toBe(true);
  });
});
