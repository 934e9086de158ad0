// `model.freeze` in whole runs: checkpoints, resumes, and batches in parts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { checkpointPath, MODEL_FILE, STATE_TENSORS_FILE } from '../../src/io/checkpoint-files.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { frozenNames } from '../../src/models/freeze.ts';
import { resolveConfig } from '../../src/run/resolve.ts';
import { modelBytes, runsFolder, type TinyConfig, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
let train: RunConfigInput['data']['train'];
beforeAll(async () => {
  train = asWebdataset(join(folder, 'train'), await shapes(48));
});

const config = (name: string, more: Partial<TinyConfig> = {}) =>
  tinyConfig({
    train,
    name,
    method: { name: 'clip' },
    model: { ...tinyModel, freeze: { image: 'all', text: 0 } },
    duration: { steps: 6 },
    checkpoint: { every: { steps: 3 } },
    ...more,
  });

const tensorsOf = async (runDir: string, step: number, file = MODEL_FILE) =>
  (await readSafetensors(join(checkpointPath(runDir, step), file))).tensors;

test('frozen tensors are in checkpoints as they began, without moments; a resume has the same bytes', async () => {
  const { runDir, step } = await trainTiny(config('plain'), { runsDir: folder });
  const { model, freeze } = resolveConfig(parseConfig(config('plain')));
  const [first, last] = [await tensorsOf(runDir, 3), await tensorsOf(runDir, step)];
  const frozen = frozenNames(last.keys(), { freeze: freeze!, model });
  expect(frozen.size).toBeGreaterThan(10);
  for (const [name, tensor] of last)
    expect(Buffer.from(tensor.data).equals(Buffer.from(first.get(name)!.data)), name).toBe(frozen.has(name));
  const state = await tensorsOf(runDir, step, STATE_TENSORS_FILE);
  const moments = [...state.keys()].filter((name) => name.startsWith('optimizer.exp_avg.'));
  expect(moments.length).toBe(last.size - frozen.size);

  const expected = modelBytes(runDir, step);
  await trainTiny(config('plain'), { runsDir: folder, resume: checkpointPath(runDir, 3) });
  expect(modelBytes(runDir, step).equals(expected)).toBe(true);
  expect(readFileSync(join(runDir, 'config.json'), 'utf8')).toContain('"freeze"');
});

test('with a batch in two parts the losses are the same', async () => {
  const losses = async (name: string, gradAccumSteps: number) => {
    const run = await trainTiny(config(name, { batch: { globalBatchSize: 16, gradAccumSteps } }), {
      runsDir: folder,
    });
    return run.rows.flatMap((row) => (typeof row['train/loss'] === 'number' ? [row['train/loss']] : []));
  };
  const [whole, parts] = [await losses('whole', 1), await losses('parts', 2)];
  expect(whole).toHaveLength(6);
  // Sums of halves round otherwise: Adam turns differences of 1e-7 in a gradient into as many of a weight.
  whole.forEach((loss, step) => {
    expect(parts[step]).toBeCloseTo(loss, 4);
  });
});

test('a freeze that does not fit the method is refused before the data is read', async () => {
  const refusal = (more: Partial<TinyConfig>) =>
    trainTiny(config('refused', more), { runsDir: folder }).then(
      () => 'none',
      (error: Error) => error.message,
    );
  expect(await refusal({ method: { name: 'simclr' } })).toMatch(
    /^model.freeze.text: method simclr trains no text tower/,
  );
  expect(await refusal({ model: { ...tinyModel, freeze: { image: 2 } } })).toMatch(
    /2, but the tower has 1 block/,
  );
  expect(await refusal({ model: { ...tinyModel, freeze: { image: 'all', text: 'all' } } })).toMatch(
    /nothing of the model/,
  );
});
