// `optimizer.layerDecay` in whole runs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { checkpointPath, STATE_FILE } from '../../src/io/checkpoint-files.ts';
import { loadRun } from '../../src/run/load-run.ts';
import { resolveConfig } from '../../src/run/resolve.ts';
import { modelBytes, runsFolder, type TinyConfig, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
let train: RunConfigInput['data']['train'];
beforeAll(async () => {
  train = asWebdataset(join(folder, 'train'), await shapes(48));
});

const config = (name: string, optimizer: object, more: Partial<TinyConfig> = {}) =>
  tinyConfig({
    train,
    name,
    duration: { steps: 6 },
    schedule: { shape: 'constant' },
    checkpoint: { every: { steps: 3 } },
    optimizer: { peakLr: 1e-3, ...optimizer } as RunConfigInput['optimizer'],
    ...more,
  });

test('with SGD the first step of each parameter is as long as its depth says; a resume has the same bytes', async () => {
  const sgd = { name: 'sgd', weightDecay: 0 };
  const oneStep = { duration: { steps: 1 }, method: { name: 'clip' } } as const;
  const deltas = async (name: string, optimizer: object) => {
    const { runDir } = await trainTiny(config(name, optimizer, oneStep), { runsDir: folder });
    const [start, end] = [await loadRun(runDir, { checkpoint: 'start' }), await loadRun(runDir)];
    const moved = new Map(
      [...end.method.model].map(([key, tensor]) => [
        key,
        tensor.sub(start.method.model.get(key)!).toNumbers(),
      ]),
    );
    for (const run of [start, end]) run.close();
    return moved;
  };
  const [plain, decayed] = [await deltas('sgd', sgd), await deltas('sgd-decay', { ...sgd, layerDecay: 0.5 })];
  const ratio = (key: string) => {
    const [most, i] = plain
      .get(key)!
      .reduce((best, v, i) => (Math.abs(v) > best[0] ? [Math.abs(v), i] : best), [0, 0]);
    expect(most, key).toBeGreaterThan(0);
    return decayed.get(key)![i] / plain.get(key)![i];
  };
  for (const [key, expected] of [
    ['visual.conv1.weight', 0.25],
    ['visual.transformer.resblocks.0.mlp.c_fc.weight', 0.5],
    ['visual.proj', 1],
    ['token_embedding.weight', 0.25],
    ['transformer.resblocks.0.mlp.c_proj.weight', 0.5],
    ['text_projection', 1],
  ] as const)
    expect(ratio(key), key).toBeCloseTo(expected, 2); // differences of float32 weights

  const { runDir } = await trainTiny(config('adamw', { layerDecay: 0.5 }), { runsDir: folder });
  const expected = modelBytes(runDir, 6);
  await trainTiny(config('adamw', { layerDecay: 0.5 }), {
    runsDir: folder,
    resume: checkpointPath(runDir, 3),
  });
  expect(modelBytes(runDir, 6).equals(expected)).toBe(true);
  const plainRun = await trainTiny(config('plain', {}), { runsDir: folder });
  const one = await trainTiny(config('one', { layerDecay: 1 }), { runsDir: folder });
  expect(modelBytes(one.runDir, 6).equals(modelBytes(plainRun.runDir, 6))).toBe(true);
  expect(modelBytes(plainRun.runDir, 6).equals(expected)).toBe(false);
});

test.each([
  [{ layerDecay: 0 }, 'optimizer.layerDecay: expected more than 0'],
  [{ layerDecay: 1.5 }, 'optimizer.layerDecay: expected at most 1'],
  [{ loadedRate: 0 }, 'optimizer.loadedRate: expected more than 0'],
] as const)('%j is refused', (optimizer, message) => {
  expect(() => parseConfig(config('x', optimizer))).toThrow(message);
});

test('a rate for loaded weights needs a file to load', () => {
  const parsed = parseConfig(config('x', { loadedRate: 0.1 }, { model: tinyModel }));
  expect(() => resolveConfig(parsed)).toThrow('optimizer.loadedRate is the rate of loaded weights');
});

test('a resume keeps the names of what was loaded, from checkpoint to checkpoint', async () => {
  const { runDir } = await trainTiny(config('names', {}), { runsDir: folder });
  const stateOf = (step: number) => join(checkpointPath(runDir, step), STATE_FILE);
  const state = JSON.parse(readFileSync(stateOf(3), 'utf8'));
  expect('loaded' in state).toBe(false);
  writeFileSync(stateOf(3), JSON.stringify({ ...state, loaded: ['visual.proj'] }));
  await trainTiny(config('names', {}), { runsDir: folder, resume: checkpointPath(runDir, 3) });
  expect(JSON.parse(readFileSync(stateOf(6), 'utf8')).loaded).toEqual(['visual.proj']);
});
