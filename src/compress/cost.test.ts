import { describe, expect, test } from 'vitest';
import { costOfPasses, type SequencePass } from './cost.ts';

/**
 * FastCL 1.6: MoCo v3 at 240 pixels, not symmetric, in forwards of 197 tokens; a row for each d, a column for each q.
 * At d = 0.9, q = 24 there are 10 tokens: (3 x 11 + 226) / 197 and (3 x 11 + 101) / 197.
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
const digits = (value: number) => Number(value.toFixed(3));

const query: SequencePass = { views: [0], trained: true, dropTokens: true, scalePatches: true };
const key: SequencePass = { views: [1], trained: false, dropTokens: false, scalePatches: true };
const image = { imageSize: 224, patchSize: 16 };
const costOf = (passes: SequencePass[], tokenDropout = 0, patchSize = 16) =>
  costOfPasses(passes, { image, compression: { tokenDropout, patchSize } });

describe('MoCo v3', () => {
  test.each([
    ['full', KEY_FULL],
    ['of the same patch', KEY_SAME_PATCH],
  ] as const)('the grid of section 1.6 with a key %s, to the printed digits', (kind, grid) => {
    // 240 pixels, in sequences of the 197 tokens of 224.
    const passes = [query, { ...key, scalePatches: kind !== 'full' }].map((pass) => ({
      ...pass,
      imageSize: 240,
    }));
    for (const [tokenDropout, ...expected] of grid) {
      const row = SIDES.map((patchSize) => digits(costOf(passes, tokenDropout, patchSize)));
      expect(row, `d = ${tokenDropout}`).toEqual(expected);
    }
  });

  test('dropout alone at 224 pixels; 4 without compression; the symmetric form is twice that', () => {
    const dropouts = [0, 0.25, 0.5, 0.75, 0.9];
    expect(dropouts.map((d) => digits(costOf([query, key], d)))).toEqual([4, 3.254, 2.508, 1.761, 1.305]);
    expect(costOf([query, key].map((pass) => ({ ...pass, views: [0, 1] })))).toBe(8);
  });
});

test('SimCLR trains both sides: 6, and a quarter of the tokens costs about a quarter', () => {
  const both = { ...query, views: [0, 1] };
  expect(costOf([both])).toBe(6);
  expect(costOf([both], 0.75)).toBeCloseTo(300 / 197, 12);
  expect(costOf([query, { ...query, dropTokens: false }], 0.75)).toBeCloseTo((150 + 591) / 197, 12);
});

test('DINO: 8.51 and 9.63 as the paper counts, 12.51 as the reference runs', () => {
  const dino = ({ locals, globals }: { locals: number; globals: number }) =>
    costOf([
      { ...query, views: { length: globals } },
      { ...key, views: { length: globals } },
      { ...query, views: { length: locals }, imageSize: 96, scalePatches: false, dropTokens: false },
    ]);
  expect(dino({ locals: 8, globals: 1 }).toFixed(2)).toBe('8.51');
  // 9.6345: the notes round it up.
  expect(dino({ locals: 10, globals: 1 }).toFixed(2)).toBe('9.63');
  expect(dino({ locals: 8, globals: 2 }).toFixed(2)).toBe('12.51');
  expect(dino({ locals: 0, globals: 1 })).toBe(4);
});

test("CLIP's image tower: a forward and a backward pass", () => {
  expect(costOf([query])).toBe(3);
  expect(costOf([query], 0.75)).toBeCloseTo(150 / 197, 12);
});

test('a net without patches costs as much whatever the compression', () => {
  const compression = { tokenDropout: 0.5, patchSize: 32 };
  expect(costOfPasses([query], { image: { imageSize: 224 }, compression })).toBe(3);
});
