import { describe, expect, test } from 'vitest';
import { error, matrix, rotate, unitRows } from '../../../tests/contract/numbers.ts';
import { Generator, randn, scope } from '../../torch/index.ts';
import { effectiveRank, featureStatistics, spread, targetInformation } from './feature-statistics.ts';

const axes = (count: number) =>
  Array.from({ length: count }, (_, i) => Array.from({ length: count }, (_, k) => Number(i === k)));

/** The definition. */
const rankOf = (singular: number[]) => {
  const sum = singular.reduce((a, b) => a + b);
  return Math.exp(-singular.reduce((total, v) => total + (v === 0 ? 0 : (v / sum) * Math.log(v / sum)), 0));
};

describe('effectiveRank', () => {
  test('closed forms: axes, one point, opposite points, weights on axes', () => {
    scope(() => {
      expect(effectiveRank(matrix(axes(6))).item()).toBeCloseTo(6, 10);
      expect(effectiveRank(matrix(Array.from({ length: 6 }, () => [0.6, 0.8]))).item()).toBeCloseTo(1, 6);
      expect(
        effectiveRank(
          matrix([
            [0.6, 0.8],
            [-0.6, -0.8],
          ]),
        ).item(),
      ).toBeCloseTo(1, 6);
      const weights = [3, 2, 1, 0.5];
      const scaled = axes(4).map((row, i) => row.map((v) => v * weights[i]));
      expect(effectiveRank(matrix(scaled)).item()).toBeCloseTo(rankOf(weights), 10);
    });
  });

  test('does not change with the axes of the space; tall and wide give the same', () => {
    scope(() => {
      const rows = unitRows(7, 4, 1);
      const rank = effectiveRank(matrix(rows)).item();
      expect(effectiveRank(matrix(rotate(rows, 3))).item()).toBeCloseTo(rank, 10);
      expect(effectiveRank(matrix(rows).t).item()).toBeCloseTo(rank, 10);
      expect(rank).toBeGreaterThan(2);
      expect(rank).toBeLessThan(4);
    });
  });
});

describe('spread', () => {
  test('1 on an even sphere, 0 at one point, in between what the definition says', () => {
    scope(() => {
      const even = randn([4000, 16], new Generator('cpu', 1), 'float64');
      const rows = even.div(even.pow(2).sum([1], true).sqrt());
      expect(spread(rows).item()).toBeCloseTo(1, 2);
      expect(spread(rows.narrow(0, 0, 1).expand(8, 16)).item()).toBeCloseTo(0, 12);
      const few = unitRows(5, 3, 2);
      const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
      const deviations = [0, 1, 2].map((k) => {
        const column = few.map((row) => row[k]);
        return Math.sqrt(mean(column.map((v) => (v - mean(column)) ** 2)));
      });
      expect(error([spread(matrix(few)).item()], [mean(deviations) * Math.sqrt(3)])).toBeLessThan(1e-12);
    });
  });
});

describe('targetInformation', () => {
  const statisticsOf = (rows: number[][]) =>
    scope(() => Object.values(targetInformation(matrix(rows))).map((value) => value.item()));

  test('closed forms: an output for each, one for all, even for all, a coin for each', () => {
    const [log4, log2] = [Math.log(4), Math.log(2)];
    const same = (row: number[]) => Array.from({ length: 4 }, () => row);
    const expected: [number[][], number[]][] = [
      [axes(4), [0, log4]],
      [same([1, 0, 0, 0]), [0, 0]],
      [same([0.25, 0.25, 0.25, 0.25]), [log4, 0]],
      [
        [
          [0.5, 0.5, 0, 0],
          [0, 0, 0.5, 0.5],
        ],
        [log2, log2],
      ],
    ];
    for (const [rows, [entropy, information]] of expected) {
      const [e, i] = statisticsOf(rows);
      expect(e).toBeCloseTo(entropy, 12);
      expect(i).toBeCloseTo(information, 12);
    }
  });
});

describe('featureStatistics', () => {
  const statistics = (features: number[][], projections: number[][], targets?: number[][]) =>
    scope(() =>
      Object.fromEntries(
        Object.entries(
          featureStatistics(matrix(features), {
            projections: matrix(projections),
            ...(targets && { targets: matrix(targets) }),
          }),
        ).map(([key, value]) => [key, value.item()]),
      ),
    );
  const spreadOut = unitRows(8, 4, 3);
  const point = Array.from({ length: 8 }, (_, i) => [1, 1e-3 * i, 0, 0]);

  test('flags features or projections that are one point, whatever their length', () => {
    expect(statistics(spreadOut, spreadOut).collapsed).toBe(0);
    expect(statistics(point, spreadOut)).toMatchObject({ collapsed: 1 });
    expect(statistics(spreadOut, point)).toMatchObject({ collapsed: 1 });
    const longer = spreadOut.map((row, i) => row.map((v) => v * (i + 1)));
    const [plain, long] = [statistics(spreadOut, point), statistics(longer, point)];
    for (const key of Object.keys(plain)) expect(long[key], key).toBeCloseTo(plain[key], 10);
  });

  test('flags targets that are the same for all pictures, sure or even', () => {
    const flag = (targets: number[][]) => statistics(spreadOut, spreadOut, targets).collapsed;
    expect(flag(axes(4))).toBe(0);
    expect(flag(Array.from({ length: 8 }, () => [1, 0, 0]))).toBe(1);
    expect(flag(Array.from({ length: 8 }, () => [1 / 3, 1 / 3, 1 / 3]))).toBe(1);
    expect(statistics(spreadOut, point, axes(4)).collapsed).toBe(0); // outputs that only look alike
  });

  test('looks at 256 rows at most', () => {
    const many = unitRows(300, 4, 5);
    expect(statistics(many, many)).toEqual(statistics(many.slice(0, 256), many.slice(0, 256)));
  });
});
