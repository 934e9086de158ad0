import { expect, test } from 'vitest';
import { migrateConfig, RENAMED } from './migrate.ts';

test('old keys get the names of today, and the saved config stays as it is', () => {
  const saved = { seed: 1, compression: { online: { budget: 0.5, overhead: 0.1 } } };
  const before = structuredClone(saved);
  expect(migrateConfig(saved)).toEqual({
    seed: 1,
    compression: { online: { overhead: 0.1, gradientCompute: 0.5 } },
  });
  expect(saved).toEqual(before);
});

test.each([{}, { compression: { stages: [{ from: 0 }] } }, null, 3])('%j has none', (saved) => {
  expect(migrateConfig(saved)).toEqual(saved);
});

test('no key of today is an old one', () => {
  for (const now of RENAMED.values()) expect(RENAMED.has(now)).toBe(false);
});
