import { expect, it } from 'vitest';
import { formatCount, formatDuration, formatLoss } from './human.ts';

it.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [125, '2 min 05 s'],
  [3599.7, '1 h 00 min'],
  [3720, '1 h 02 min'],
  [86_399, '1 d 00 h'],
  [3 * 86_400 + 4 * 3600, '3 d 04 h'],
  [Number.NaN, '?'],
  [-1, '?'],
])('a duration of %d s is %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, '0'],
  [0.012345, '0.0123'],
  [812.4, '812'],
  [999.6, '1 k'],
  [12_345, '12.3 k'],
  [999_999, '1 M'],
  [4.56e9, '4.56 G'],
  [Number.POSITIVE_INFINITY, '?'],
])('the count %d is %s', (value, text) => {
  expect(formatCount(value)).toBe(text);
});

it('a loss always has four digits', () => {
  expect([2, 0.0123, Number.NaN].map(formatLoss)).toEqual(['2.000', '0.01230', 'NaN']);
});
