// Runs from the weights of a run: rates of what was loaded, frozen towers, averages, and blends with that start.
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { checkpointPath, EMA_FILE, STATE_FILE } from '../../src/io/checkpoint-files.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { type LoadRunOptions, loadRun } from '../../src/run/load-run.ts';
import { modelBytes, runsFolder, type TinyConfig, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
let base: TinyConfig;
let from: string;

beforeAll(async () => {
  base = {
    train: asWebdataset(join(folder, 'train'), await shapes(48)),
    method: { name: 'clip' },
    duration: { steps: 2 },
    schedule: { shape: 'constant' },
  };
  ({ runDir: from } = await trainTiny(tinyConfig({ ...base, name: 'before' }), { runsDir: folder }));
});

const SGD = { name: 'sgd', peakLr: 1e-2, weightDecay: 0 } as const;
const start = (name: string, more: Partial<TinyConfig>) =>
  trainTiny(tinyConfig({ ...base, name, model: { from }, optimizer: SGD, ...more }), { runsDir: folder });

async function valuesOf(runDir: string, options: LoadRunOptions = {}): Promise<Map<string, number[]>> {
  const run = await loadRun(runDir, options);
  const values = new Map([...run.method.model].map(([key, tensor]) => [key, tensor.toNumbers()]));
  run.close();
  return values;
}

/** Of each tensor its longest move in one step, with its sign. */
async function movesOf(name: string, more: Partial<TinyConfig>): Promise<Map<string, number[]>> {
  const { runDir } = await start(name, { duration: { steps: 1 }, ...more });
  const [before, after] = [await valuesOf(runDir, { checkpoint: 'start' }), await valuesOf(runDir)];
  return new Map(
    [...after].map(([key, values]) => [key, values.map((value, i) => value - before.get(key)![i])]),
  );
}

/** At the place where `moves` has its longest. */
function ratio(moves: number[], others: number[]): number {
  const place = moves.reduce((best, move, i) => (Math.abs(move) > Math.abs(moves[best]) ? i : best), 0);
  return others[place] / moves[place];
}

test('what was loaded learns at its rate, and new parts at the whole', async () => {
  const image = { from } as never;
  const model = { embedDim: 32, image, text: tinyModel.text } as TinyConfig['model'];
  const loadedRate = { optimizer: { ...SGD, loadedRate: 0.25 } } as const;
  const [plain, slow] = [
    await movesOf('plain', { model: model! }),
    await movesOf('slow', { model: model!, ...loadedRate }),
  ];
  const [whole, slowWhole] = [await movesOf('whole', {}), await movesOf('slow-whole', loadedRate)];
  const names = ['visual.conv1.weight', 'visual.transformer.resblocks.0.mlp.c_fc.weight', 'text_projection'];
  // Differences of float32 weights near 0.1, of some 1e-4.
  for (const name of names) {
    expect(ratio(whole.get(name)!, slowWhole.get(name)!), name).toBeCloseTo(0.25, 2);
    const expected = name.startsWith('visual.') ? 0.25 : 1;
    expect(ratio(plain.get(name)!, slow.get(name)!), name).toBeCloseTo(expected, 2);
  }
  const state = JSON.parse(readFileSync(join(checkpointPath(join(folder, 'slow'), 1), STATE_FILE), 'utf8'));
  expect(state.loaded).toContain('visual.conv1.weight');
  expect(state.loaded).not.toContain('text_projection');
});

test('a resume has the same bytes, also when the start is gone', async () => {
  const tuned = {
    model: { from, freeze: { image: 0 } },
    optimizer: { peakLr: 1e-3, loadedRate: 0.1, layerDecay: 0.75 },
    emaWeights: { momentum: 0.9 },
    duration: { steps: 6 },
    checkpoint: { every: { steps: 3 } },
  } as const;
  const { runDir } = await start('tuned', tuned);
  const ema = () => readFileSync(join(checkpointPath(runDir, 6), EMA_FILE));
  const [model, average] = [modelBytes(runDir, 6), ema()];
  const other = await start('other', { ...tuned, optimizer: { peakLr: 1e-3, layerDecay: 0.75 } });
  expect(modelBytes(other.runDir, 6).equals(model)).toBe(false);
  const saved = JSON.parse(readFileSync(join(runDir, 'config.json'), 'utf8'));
  renameSync(from, `${from}-moved`);
  try {
    await trainTiny(saved, { runsDir: folder, resume: checkpointPath(runDir, 3) });
  } finally {
    renameSync(`${from}-moved`, from);
  }
  expect(modelBytes(runDir, 6).equals(model)).toBe(true);
  expect(ema().equals(average)).toBe(true);
  const frozen = 'visual.conv1.weight';
  expect((await valuesOf(runDir)).get(frozen)).toEqual((await valuesOf(from)).get(frozen));
});

test('an average begins at the loaded weights', async () => {
  const { runDir } = await start('averaged', { emaWeights: { momentum: 0.9 }, duration: { steps: 1 } });
  const { tensors } = await readSafetensors(join(checkpointPath(runDir, 1), EMA_FILE));
  const first = new Float32Array(tensors.get('visual.proj')!.data.slice().buffer);
  const [before, after] = [await valuesOf(from), await valuesOf(runDir, { weights: 'last' })];
  const [a, b] = [before, after].map((values) => values.get('visual.proj')!);
  first.forEach((value, i) => {
    expect(value).toBeCloseTo(0.1 * a[i] + 0.9 * b[i], 6);
  });
});

test('a blend lies between the loaded weights and the trained ones; without the file a sentence says so', async () => {
  const { runDir } = await start('blended', { optimizer: { peakLr: 1e-2 } });
  const [before, after] = [await valuesOf(from), await valuesOf(runDir)];
  const half = await valuesOf(runDir, { blend: 0.5 });
  expect(before.get('logit_scale')).not.toEqual(after.get('logit_scale'));
  for (const [name, values] of half)
    values.forEach((value, i) => {
      expect(value, name).toBeCloseTo((before.get(name)![i] + after.get(name)![i]) / 2, 6); // float32 near 1
    });
  renameSync(from, `${from}-moved`);
  try {
    await expect(loadRun(runDir, { blend: 0.5 })).rejects.toThrow(/that this run started from are gone/);
    (await loadRun(runDir)).close();
  } finally {
    renameSync(`${from}-moved`, from);
  }
});
