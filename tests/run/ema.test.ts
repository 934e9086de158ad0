// `emaWeights` in whole runs: what is averaged, evaluated, saved and resumed.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { SourceInput } from '../../src/data/index.ts';
import { checkpointPath, EMA_FILE, MODEL_FILE, STATE_FILE } from '../../src/io/checkpoint-files.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { evaluateRun } from '../../src/run/evaluate-run.ts';
import { loadRun } from '../../src/run/load-run.ts';
import { memoryStats } from '../../src/torch/index.ts';
import { modelBytes, rowsOf, runsFolder, type TinyConfig, tinyConfig, trainTiny } from './harness.ts';
import { asParquet, asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
const STEPS = 6;
const MOMENTUM = 0.3;
let train: SourceInput;
let pairs: SourceInput;
let runDir: string;

const config = (name: string, more: Partial<TinyConfig> = {}) =>
  tinyConfig({
    train,
    name,
    method: { name: 'clip' },
    duration: { steps: STEPS },
    emaWeights: { momentum: MOMENTUM },
    evaluate: { retrieval: { data: pairs } },
    checkpoint: { every: { steps: 1 }, keep: STEPS },
    ...more,
  });

beforeAll(async () => {
  train = asWebdataset(join(folder, 'train'), await shapes(48));
  pairs = asParquet(join(folder, 'pairs'), await shapes(48, { seed: 1 }));
  const before = memoryStats().liveTensors;
  ({ runDir } = await trainTiny(config('averaged'), { runsDir: folder }));
  expect(memoryStats().liveTensors).toBe(before);
});

const emaBytes = (run: string, step: number) => readFileSync(join(checkpointPath(run, step), EMA_FILE));
const retrieval = (row: object) => Object.entries(row).filter(([key]) => key.startsWith('eval/'));

async function floats(path: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readSafetensors(path);
  return new Map([...tensors].map(([name, { data }]) => [name, new Float32Array(data.slice().buffer)]));
}

test('the average is that of the weights of all steps, and training is as without it', async () => {
  const start = await loadRun(runDir, { checkpoint: 'start' });
  const expected = new Map(
    [...start.method.model].map(([name, tensor]) => [name, Float64Array.from(tensor.toNumbers())]),
  );
  start.close();
  for (let t = 0; t < STEPS; t++) {
    const weights = await floats(join(checkpointPath(runDir, t + 1), MODEL_FILE));
    const m = Math.min(MOMENTUM, (1 + t) / (10 + t));
    for (const [name, values] of weights)
      values.forEach((value, i) => {
        const average = expected.get(name)!;
        average[i] = m * average[i] + (1 - m) * value;
      });
    const averages = await floats(join(checkpointPath(runDir, t + 1), EMA_FILE));
    expect([...averages.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [name, values] of averages) {
      const worst = values.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - expected.get(name)![i])),
        0,
      );
      expect(worst, name).toBeLessThan(1e-6); // float32: a rounding of values near 1 in each of six steps
    }
  }
  const { emaWeights: _, ...without } = config('without');
  const plain = await trainTiny(without, { runsDir: folder });
  expect(modelBytes(plain.runDir, STEPS).equals(modelBytes(runDir, STEPS))).toBe(true);
  expect(existsSync(join(checkpointPath(plain.runDir, STEPS), EMA_FILE))).toBe(false);
});

test('evaluations measure the average, those of a loaded run too, unless it is asked for the last weights', async () => {
  const row = rowsOf(runDir).at(-1)!;
  const [averaged, last] = [await evaluateRun(runDir), await evaluateRun(runDir, { weights: 'last' })];
  expect([averaged.weights, last.weights]).toEqual(['ema', 'last']);
  const losses = (report: object) => JSON.stringify(report);
  expect(losses(averaged)).not.toBe(losses(last));
  const model = await loadRun(runDir);
  const averages = await floats(join(checkpointPath(runDir, STEPS), EMA_FILE));
  for (const [name, tensor] of model.method.model)
    expect(tensor.toNumbers(), name).toEqual([...averages.get(name)!]);
  model.close();
  expect(retrieval(row).length).toBeGreaterThan(0);
  const plain = rowsOf(join(folder, 'without')).at(-1)!;
  expect(retrieval(row)).not.toEqual(retrieval(plain));
  await expect(evaluateRun(join(folder, 'without'), { weights: 'ema' })).rejects.toThrow(
    'has no averaged weights: train with emaWeights',
  );
  await expect(evaluateRun(runDir, { weights: 'ema', checkpoint: 'start' })).rejects.toThrow(
    'no averaged weights',
  );
});

test('a resume has the bytes of a run that was never stopped', async () => {
  const [ema, model] = [emaBytes(runDir, STEPS), modelBytes(runDir, STEPS)];
  const copy = join(folder, 'copy');
  cpSync(runDir, copy, { recursive: true });
  await trainTiny(config('copy'), { runsDir: folder, resume: checkpointPath(copy, 3) });
  expect(modelBytes(copy, STEPS).equals(model)).toBe(true);
  expect(emaBytes(copy, STEPS).equals(ema)).toBe(true);
});

test('a run that began without an average starts it where it resumes; without the key it goes on without one', async () => {
  const late = join(folder, 'late');
  cpSync(join(folder, 'without'), late, { recursive: true });
  await trainTiny(config('late'), { runsDir: folder, resume: checkpointPath(late, 3) });
  const state = JSON.parse(readFileSync(join(checkpointPath(late, STEPS), STATE_FILE), 'utf8'));
  expect(state.ema).toEqual({ updates: 3 });
  expect(modelBytes(late, STEPS).equals(modelBytes(runDir, STEPS))).toBe(true);

  const dropped = join(folder, 'dropped');
  cpSync(runDir, dropped, { recursive: true });
  const { emaWeights: _, ...without } = config('dropped');
  await trainTiny(without, { runsDir: folder, resume: checkpointPath(dropped, 3) });
  expect(existsSync(join(checkpointPath(dropped, STEPS), EMA_FILE))).toBe(false);
});

test('a checkpoint whose averages are missing or damaged is damaged', async () => {
  const broken = join(folder, 'broken');
  cpSync(runDir, broken, { recursive: true });
  rmSync(join(checkpointPath(broken, STEPS), EMA_FILE));
  writeFileSync(join(checkpointPath(broken, STEPS - 1), EMA_FILE), 'half');
  const run = await loadRun(broken);
  expect(run.step).toBe(STEPS - 2);
  run.close();
  await expect(loadRun(broken, { checkpoint: checkpointPath(broken, STEPS) })).rejects.toThrow(EMA_FILE);
});

test('with a frozen tower the average holds what learns', async () => {
  const model = { ...(config('x').model as object), freeze: { image: 'all' } } as TinyConfig['model'];
  const run = await trainTiny(config('frozen', { model: model! }), { runsDir: folder });
  const averages = await floats(join(checkpointPath(run.runDir, STEPS), EMA_FILE));
  expect([...averages.keys()].some((name) => name.startsWith('visual.'))).toBe(false);
  const loaded = await loadRun(run.runDir);
  expect(loaded.weights).toBe('ema');
  loaded.close();
});

test("DINO's teacher is an average already", async () => {
  const dino = config('dino', { method: { name: 'dino' }, evaluate: {} });
  await expect(trainTiny(dino, { runsDir: folder })).rejects.toThrow(
    'emaWeights: method dino evaluates its teacher, a moving average of the weights already',
  );
});
