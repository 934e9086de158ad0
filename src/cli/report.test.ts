import { expect, it } from 'vitest';
import { formatTable } from './report.ts';

it('any report is a table of names and values', () => {
  const report = { step: 10, cuda: { memory: 0.71234567, devices: undefined }, ok: true, names: ['a', 'b'] };
  expect(formatTable(report)).toBe(
    'step         10\ncuda/memory  0.7123\nok           yes\nnames        a, b',
  );
});
