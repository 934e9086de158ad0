import { describe, expect, it } from 'vitest';
import type { SweepRun } from '../../scripts/sweep.ts';
import { rowOf } from '../../scripts/sweep-rows.ts';
import { loadConfig } from '../../src/config/index.ts';

/** Runs on a GPU are too dear to end at a setting that is not one. */

const LISTS = [
  ...['fastclip-icons', 'fastclip-photos', 'fastclip-schedule', 'fastclip-short-photos'],
  ...['missing', 'ssl'],
];

describe.each(LISTS)('experiments/%s.ts', (list) => {
  it('has names of one run each, with settings that a config takes', async () => {
    const { default: runs } = (await import(`../../experiments/${list}.ts`)) as { default: SweepRun[] };
    expect(new Set(runs.map(({ name }) => name)).size).toBe(runs.length);
    for (const { name, config, set = {} } of runs) {
      const changes = Object.entries(set).map(([path, value]) => `${path}=${JSON.stringify(value)}`);
      const { seed } = await loadConfig(config, { set: changes }).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`);
      });
      expect(seed).toBe(set.seed ?? 0);
    }
  });
});

describe('a row of docs/results', () => {
  const evaluation = { 'eval/knn_top1': 0.123456, train_seconds: 1.239, epoch: 0.5, step: 10 };
  const result = {
    ...{ name: 'a-0', finished: true, seconds: 40, linear: { top1: 0.3, top5: 0.6 } },
    set: { seed: 2, 'batch.globalBatchSize': 8, 'method.emaMomentum': 0.98, threads: 2 },
    curve: [{ step: 5, train_seconds: 0.6 }, evaluation],
  };

  it('has the evaluations of one metric, and what is particular to the run', () => {
    expect(rowOf(result, 'eval/knn_top1')).toEqual({
      ...{ name: 'a-0', finished: true, seed: 2, batch: 8, emaMomentum: 0.98 },
      ...{ seconds: [1.24], epoch: [0.5], step: [10], knnTop1: [0.12346], linearTop1: 0.3 },
    });
  });
});
