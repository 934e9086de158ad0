import { expect, test } from 'vitest';
import { scope } from '../torch/index.ts';
import { dropPathScales } from './drop-path.ts';

const COUNT = 20_000;
const AT = { seed: 1, step: 2, view: 0, rows: { first: 0, total: COUNT }, count: COUNT, device: 'cpu' };

// @proves dropPathScales
test('a branch is left out at a rate that rises from 0 in the first block; what stays makes up for it', () => {
  scope(() => {
    const layers = 5;
    const scales = dropPathScales(AT, { rate: 0.2, layers });
    expect(scales.shape).toEqual([layers, 2, COUNT]);
    expect(scales.dtype).toBe('float32');
    scales
      .view(2 * layers, COUNT)
      .unbind(0)
      .forEach((branch, i) => {
        const rate = (0.2 * Math.floor(i / 2)) / (layers - 1);
        const values = branch.toNumbers();
        const gone = values.filter((value) => value === 0).length / COUNT;
        expect(Math.abs(gone - rate)).toBeLessThanOrEqual(5 * Math.sqrt((rate * (1 - rate)) / COUNT));
        for (const value of new Set(values)) if (value !== 0) expect(value).toBeCloseTo(1 / (1 - rate), 6);
      });
    // Branches of one block are independent.
    const [attention, mlp] = scales
      .select(0, 4)
      .unbind(0)
      .map((branch) => branch.toNumbers());
    const both = attention.filter((value, i) => value === 0 && mlp[i] === 0).length / COUNT;
    expect(Math.abs(both - 0.04)).toBeLessThan(5 * Math.sqrt((0.04 * 0.96) / COUNT));
  });
});

test('one block has nothing to leave out; parts of a batch have the rows of the whole', () => {
  scope(() => {
    expect(new Set(dropPathScales(AT, { rate: 0.5, layers: 1 }).toNumbers())).toEqual(new Set([1]));
    const whole = dropPathScales(AT, { rate: 0.5, layers: 3 });
    const part = dropPathScales(
      { ...AT, rows: { first: 40, total: COUNT }, count: 8 },
      { rate: 0.5, layers: 3 },
    );
    expect(part.toNumbers()).toEqual(whole.narrow(2, 40, 8).toNumbers());
    const other = dropPathScales({ ...AT, view: 1 }, { rate: 0.5, layers: 3 });
    expect(other.toNumbers()).not.toEqual(whole.toNumbers());
  });
});
