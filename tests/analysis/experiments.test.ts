import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { readAnalysis, scheduleOf } from '../../src/analysis/index.ts';

const ANALYSES = 'experiments/analyses';
const SCHEDULES = 'experiments/schedules';
/** Of which budget each kind is made, in the scale of Adam's steps. */
const KINDS = { adam: 1, half: 0.5, quarter: 0.25 };
const cases = readdirSync(ANALYSES)
  .flatMap((file) =>
    Object.entries(KINDS).map(([kind, budget]) => ({ name: basename(file, '.json'), kind, budget })),
  )
  .filter(({ name, kind }) => existsSync(`${SCHEDULES}/${name}-${kind}.json`));

test('there are schedules of all analyses but that of DINO on CIFAR-10, which is dropout 0.75 throughout', () => {
  expect(readdirSync(ANALYSES)).toHaveLength(9);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(8);
});

test.each(cases)(
  "what $name-$kind was trained with is the rule's schedule of its analysis",
  ({ name, kind, budget }) => {
    const { file } = scheduleOf(readAnalysis(`${ANALYSES}/${name}.json`), {
      ...{ parameters: 'adam', monotone: true, budgetFactor: budget },
    });
    expect(file).toEqual(JSON.parse(readFileSync(`${SCHEDULES}/${name}-${kind}.json`, 'utf8')));
  },
);
