import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { madeUpAnalysis } from '../../tests/analysis/made-up.ts';
import { readAnalysis } from './schema.ts';
import { fromVersion1, linesFromVersion1 } from './version-1.ts';

it('an analysis of version 1 is read under the new names, with all of its numbers', () => {
  const path = 'experiments/analyses/cifar-v3.json';
  const old = JSON.parse(readFileSync(path, 'utf8'));
  const analysis = readAnalysis(path);
  expect(old.version).toBe(1);
  expect(analysis.settings.batchForwards).toBe(old.settings.budget);
  expect(analysis.snapshots.map(({ share, step }) => [share, step])).toEqual(
    old.stages.map(({ share, step }: { share: number; step: number }) => [share, step]),
  );
  analysis.snapshots.forEach(({ groups }, i) => {
    for (const [name, { candidates, gradientSquared }] of Object.entries(groups)) {
      expect(candidates).toEqual(old.stages[i].groups[name].points);
      expect(gradientSquared).toEqual(old.stages[i].groups[name].gradientSquared);
    }
  });
});

it('one of version 2, and what is no analysis, is left alone', () => {
  const analysis = madeUpAnalysis();
  expect(fromVersion1(analysis)).toBe(analysis);
  for (const content of [null, 3, 'x', [], { version: 3, stages: [] }])
    expect(fromVersion1(content)).toBe(content);
});

it("lines of a pass log too; a run's config keeps its names", () => {
  const config = { compression: { stages: [{ from: 0 }], online: { budget: 1 } } };
  const control = { kind: 'control', step: 0 };
  const old = [
    { version: 1, settings: { budget: 768, seed: 0 }, stages: [{ step: 0, seconds: 0 }], config },
    { kind: 'point', step: 0, moments: {} },
    control,
  ];
  const lines = [
    { version: 2, settings: { batchForwards: 768, seed: 0 }, snapshots: [{ step: 0, seconds: 0 }], config },
    { kind: 'candidate', step: 0, moments: {} },
    control,
  ];
  expect(linesFromVersion1(old)).toEqual(lines);
  expect(linesFromVersion1(lines)).toEqual(lines);
});
