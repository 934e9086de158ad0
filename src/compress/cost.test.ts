import { describe, expect, test } from 'vitest';
import { sequenceLength } from './compression.ts';
import { dinoCost, imageTowerCost, mocoV3Cost, simclrCost } from './cost.ts';

/**
 * Section 1.6: MoCo v3 at 240 pixels, not symmetric, over one forward pass of 197 tokens; a row for each d, a column for each q.
 * At d = 0.9, q = 24 the notes have 1.299 and 0.665, of 9 tokens: there (1 - d) N = 10 was rounded in binary, which the length rule
 * avoids. With 10 tokens it is (3 x 11 + 226) / 197 and (3 x 11 + 101) / 197.
 */
const SIDES = [16, 20, 24, 30, 40, 48];
const KEY_FULL: [number, ...number[]][] = [
  [0, 4.589, 3.355, 2.685, 2.137, 1.711, 1.543],
  [0.25, 3.721, 2.807, 2.305, 1.893, 1.574, 1.437],
  [0.5, 2.868, 2.259, 1.924, 1.65, 1.437, 1.345],
  [0.75, 2.015, 1.711, 1.543, 1.406, 1.299, 1.254],
  [0.9, 1.497, 1.376, 1.315, 1.254, 1.208, 1.193],
];
const KEY_SAME_PATCH: [number, ...number[]][] = [
  [0, 4.589, 2.944, 2.051, 1.32, 0.751, 0.528],
  [0.25, 3.721, 2.396, 1.67, 1.076, 0.614, 0.421],
  [0.5, 2.868, 1.848, 1.289, 0.832, 0.477, 0.33],
  [0.75, 2.015, 1.299, 0.909, 0.589, 0.34, 0.239],
  [0.9, 1.497, 0.964, 0.68, 0.437, 0.249, 0.178],
];
const PAPER = { symmetric: false };
const digits = (value: number) => Number(value.toFixed(3));

describe('MoCo v3', () => {
  test.each([
    ['full', KEY_FULL],
    ['of the same patch', KEY_SAME_PATCH],
  ] as const)('the grid of section 1.6 with a key %s, to the printed digits', (kind, grid) => {
    for (const [tokenDropout, ...expected] of grid) {
      const row = SIDES.map((patchSize) => {
        const query = sequenceLength(240, { patchSize, tokenDropout });
        const key = sequenceLength(240, { patchSize: kind === 'full' ? 16 : patchSize });
        return digits(mocoV3Cost({ query, key, base: 197 }, PAPER));
      });
      expect(row, `d = ${tokenDropout}`).toEqual(expected);
    }
  });

  test('dropout alone at 224 pixels; 4 without compression; the symmetric form is twice that', () => {
    const at = (tokenDropout: number, symmetric = false) =>
      digits(
        mocoV3Cost(
          { query: sequenceLength(224, { patchSize: 16, tokenDropout }), key: 197, base: 197 },
          { symmetric },
        ),
      );
    expect([0, 0.25, 0.5, 0.75, 0.9].map((d) => at(d))).toEqual([4, 3.254, 2.508, 1.761, 1.305]);
    expect(at(0, true)).toBe(8);
  });
});

test('SimCLR trains both sides: 6, and a quarter of the tokens costs about a quarter', () => {
  expect(simclrCost({ query: 197, key: 197, base: 197 })).toBe(6);
  expect(simclrCost({ query: 50, key: 50, base: 197 })).toBeCloseTo(300 / 197, 12);
  expect(simclrCost({ query: 50, key: 197, base: 197 })).toBeCloseTo((150 + 591) / 197, 12);
});

test('DINO: 8.51 and 9.63 as the paper counts, 12.51 as the reference runs', () => {
  const lengths = { query: 197, key: 197, local: 37, base: 197 };
  expect(dinoCost({ ...lengths, localCrops: 8 }, { globalCrops: 1 }).toFixed(2)).toBe('8.51');
  // 9.6345: the notes round it up.
  expect(dinoCost({ ...lengths, localCrops: 10 }, { globalCrops: 1 }).toFixed(2)).toBe('9.63');
  expect(dinoCost({ ...lengths, localCrops: 8 }, { globalCrops: 2 }).toFixed(2)).toBe('12.51');
  expect(dinoCost({ ...lengths, localCrops: 0 }, { globalCrops: 1 })).toBe(4);
});

test("CLIP's image tower: a forward and a backward pass", () => {
  expect(imageTowerCost({ query: 197, base: 197 })).toBe(3);
  expect(imageTowerCost({ query: 50, base: 197 })).toBeCloseTo(150 / 197, 12);
});
