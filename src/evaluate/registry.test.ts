import { expect, test } from 'vitest';
import type { z } from 'zod';
import { checkBestBy } from './metrics.ts';
import { evaluatorList, evaluators } from './registry.ts';

test('the registry has each evaluator under its own name, with metrics of its own', () => {
  expect(Object.keys(evaluators)).toEqual(evaluatorList.map(({ name }) => name));
  const names = evaluatorList.flatMap(({ metrics }) => Object.keys(metrics));
  expect(names.length).toBeGreaterThanOrEqual(evaluatorList.length);
  expect(new Set(names).size).toBe(names.length);
});

test.each(evaluatorList.map((evaluator) => [evaluator.name, evaluator] as const))(
  '%s describes every option, and bestBy takes each of its metrics',
  (name, { options, metrics }) => {
    expect(options.description).toBeTruthy();
    for (const [key, option] of Object.entries(options.shape as Record<string, z.ZodType>))
      expect(option.description, key).toBeTruthy();
    for (const bestBy of Object.keys(metrics))
      expect(() => checkBestBy({ [name]: {}, bestBy } as never)).not.toThrow();
  },
);
