import { expect, test } from 'vitest';
import { expandBraces } from './brace.ts';

test.each([
  ['plain.tar', ['plain.tar']],
  ['{008..011}.tar', ['008.tar', '009.tar', '010.tar', '011.tar']],
  ['{8..11}', ['8', '9', '10', '11']],
  ['{2..0}', ['2', '1', '0']],
  ['a{x,y}b{0..1}', ['axb0', 'axb1', 'ayb0', 'ayb1']],
  ['{a,b{1..2}}', ['a', 'b1', 'b2']],
  ['{,x}y', ['y', 'xy']],
  ['un{closed', ['un{closed']],
  ['not{a}list', ['not{a}list']],
])('%s', (pattern, expected) => {
  expect(expandBraces(pattern)).toEqual(expected);
});
