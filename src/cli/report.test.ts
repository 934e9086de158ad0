import { expect, it } from 'vitest';
import { formatReport } from './report.ts';

it('is a table of paths and values', () => {
  const report = { step: 10, zero_shot: { top1: 0.71234567, top5: undefined }, ok: true, names: ['a', 'b'] };
  expect(formatReport(report)).toBe(
    'step            10\nzero_shot/top1  0.7123\nok              yes\nnames           a, b',
  );
});
