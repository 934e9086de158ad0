import { expect, it } from 'vitest';
import { findDuplicates } from './duplicates.ts';

const WIDTH = 6;

/** Unit rows of a few directions, each moved a little, so that many cosines lie about the threshold. */
function rowsNear(count: number, spread: number): Float32Array {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const centres = Array.from({ length: 12 }, () => Array.from({ length: WIDTH }, next));
  const rows = Array.from({ length: count }, (_, i) => {
    const row = centres[(i * 5) % 12]!.map((value) => value + spread * next());
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  });
  return Float32Array.from(rows.flat());
}

/** Connected sets, by a loop over all pairs until nothing changes. */
function naive(values: Float32Array, above: number): number[][] {
  const count = values.length / WIDTH;
  const name = Array.from({ length: count }, (_, i) => i);
  const cosine = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < WIDTH; i++) sum += values[a * WIDTH + i]! * values[b * WIDTH + i]!;
    return sum;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let a = 0; a < count; a++)
      for (let b = a + 1; b < count; b++) {
        if (name[a] === name[b] || cosine(a, b) < above) continue;
        const least = Math.min(name[a]!, name[b]!);
        [name[a], name[b], changed] = [least, least, true];
      }
  }
  const groups = [...new Set(name)].map((each) => [...name.keys()].filter((row) => name[row] === each));
  return groups.filter((group) => group.length > 1);
}

it.each([
  [300, 0.1, 0.95],
  [300, 0.3, 0.98],
  [300, 0.0, 1 - 1e-6],
  [2, 2, 0.9999],
])('groups of %i rows, spread %d, above %d are the connected sets', (count, spread, above) => {
  const values = rowsNear(count, spread);
  const groups = findDuplicates(values, WIDTH, { above, device: 'cpu' });
  expect(groups.map((group) => group.map(({ row }) => row))).toEqual(naive(values, above));
  for (const [{ row: first, score }] of groups) {
    const own = values.subarray(first * WIDTH, (first + 1) * WIDTH);
    expect(score).toBe(own.reduce((sum, value) => sum + value * value, 0));
  }
});

it('pairs across blocks are found, and progress ends at all', () => {
  const values = new Float32Array(5000 * WIDTH);
  for (let row = 0; row < 5000; row++) {
    const angle = row * 0.0012;
    values.set([Math.cos(angle), Math.sin(angle)], row * WIDTH);
  }
  values.copyWithin(4999 * WIDTH, 3 * WIDTH, 4 * WIDTH);
  const shares: number[] = [];
  // A step of 0.0012 has the cosine 1 - 7.2e-7, which float32 products cannot tell from the threshold.
  const groups = findDuplicates(values, WIDTH, {
    above: 1 - 3e-7,
    device: 'cpu',
    onProgress: (done) => shares.push(done),
  });
  expect(groups.map((group) => group.map(({ row }) => row))).toEqual([[3, 4999]]);
  expect(shares.at(-1)).toBe(1);
});

it.each([0, 1.1, Number.NaN])('--above %d: one sentence', (above) => {
  expect(() => findDuplicates(new Float32Array(WIDTH), WIDTH, { above, device: 'cpu' })).toThrow(
    /^--above is \S+: expected a cosine above 0, and at most 1, such as 0\.95\.$/,
  );
});
