import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { readAnalysis, scheduleOf } from '../../src/analysis/index.ts';

const ANALYSES = 'experiments/analyses';
const SCHEDULES = 'experiments/schedules';
const ADAM = { adam: 1, half: 0.5, quarter: 0.25 };
/** Of which analysis there are schedules in Adam's scale, with how much compute of a gradient, and whether the raw one is of it too: some runs had those of earlier ones. */
const MADE: Record<string, { kinds: (keyof typeof ADAM)[]; raw?: boolean }> = {
  'cifar-dino': { kinds: [] }, // dropout 0.75 throughout
  'cifar-moco-v3': { kinds: ['adam', 'half', 'quarter'] },
  'cifar-simclr': { kinds: ['adam', 'half', 'quarter'] },
  'cifar-v3': { kinds: ['adam', 'half', 'quarter'], raw: true },
  'icons-v3': { kinds: ['adam', 'half', 'quarter'], raw: true },
  'tiny-dino': { kinds: ['quarter'], raw: true },
  'tiny-moco-v3': { kinds: ['adam', 'half', 'quarter'], raw: true },
  'tiny-simclr': { kinds: ['adam', 'half', 'quarter'] },
  'tiny-v3': { kinds: ['half', 'quarter'], raw: true },
};
const cases = Object.entries(MADE).flatMap(([name, { kinds, raw }]) => [
  ...(raw ? [{ name, schedule: name, options: {} }] : []),
  ...kinds.map((kind) => ({
    name,
    schedule: `${name}-${kind}`,
    options: { parameters: 'adam', gradientCompute: ADAM[kind] },
  })),
]);

test('all analyses are told of', () => {
  expect(readdirSync(ANALYSES).map((file) => basename(file, '.json'))).toEqual(Object.keys(MADE));
});

test.each(cases)("$schedule.json is the rule's schedule of its analysis", ({ name, schedule, options }) => {
  const analysis = readAnalysis(`${ANALYSES}/${name}.json`);
  const { file } = scheduleOf(analysis, { monotone: true, ...options });
  expect(file).toEqual(JSON.parse(readFileSync(`${SCHEDULES}/${schedule}.json`, 'utf8')));
});
