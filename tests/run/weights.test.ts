// `model.from`: runs that start from runs.
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.ts';
import { checkpointPath, MODEL_FILE } from '../../src/io/checkpoint-files.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { loadRun } from '../../src/run/load-run.ts';
import { runsFolder, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
let train: RunConfigInput['data']['train'];
beforeAll(async () => {
  train = asWebdataset(join(folder, 'train'), await shapes(48));
});

/** Three steps of a run, and its tensors. */
async function begun(
  name: string,
  method: RunConfigInput['method'],
  model: RunConfigInput['model'] = tinyModel,
) {
  const config = tinyConfig({
    train,
    name,
    method,
    model,
    duration: { steps: 3 },
    optimizer: { peakLr: 1e-3 },
  });
  const { runDir, events } = await trainTiny(config, { runsDir: folder });
  const facts = events.find(({ type }) => type === 'start') as { facts: { weights?: string[] } };
  return { runDir, weights: facts.facts.weights ?? [] };
}

const tensorsOf = async (runDir: string, step: number) =>
  (await readSafetensors(join(checkpointPath(runDir, step), MODEL_FILE))).tensors;

const untouched = {
  optimizer: { peakLr: 1e-30, weightDecay: 0 },
  duration: { steps: 1 },
  schedule: {},
} as const;

/** One step that moves nothing, from another run. */
async function continued(name: string, from: string, method: RunConfigInput['method']) {
  const config = tinyConfig({ train, name, method, ...untouched, model: { from } });
  delete (config.data as { tokenizer?: unknown }).tokenizer;
  const { runDir } = await trainTiny(config, { runsDir: folder });
  return runDir;
}

const DINO = { name: 'dino', localCrops: { count: 0 } } as const;
const METHODS = ['clip', 'siglip', 'fastclip', 'moco-v3', 'simclr', 'dino'] as const;
test.each(METHODS)('%s from a run of the same method has all its tensors, bit for bit', async (name) => {
  const method = (name === 'dino' ? DINO : { name }) as RunConfigInput['method'];
  const before = await begun(`before-${name}`, method);
  expect(before.weights).toEqual([]);
  const loaded = await loadRun(await continued(`after-${name}`, before.runDir, method), {
    checkpoint: 'start',
  });
  const saved = await tensorsOf(before.runDir, 3);
  try {
    for (const [key, tensor] of loaded.method.model) {
      const { data } = saved.get(key)!;
      const numbers = tensor.toArray();
      const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      expect(bytes.equals(Buffer.from(data)), key).toBe(true);
    }
  } finally {
    loaded.close();
  }
});

test('its tokenizer and pixels are those of the run', async () => {
  const before = await begun('tokens', { name: 'clip' });
  const next = await loadRun(await continued('tokens-next', before.runDir, { name: 'clip' }));
  const end = await loadRun(before.runDir);
  try {
    const texts = ['a red square', 'a blue circle'];
    expect(next.tokenizer!.encodeBatch(texts)).toEqual(end.tokenizer!.encodeBatch(texts));
    expect(next.config.data.mean).toEqual(end.config.data.mean);
  } finally {
    next.close();
    end.close();
  }
});

test('pictures alone from a CLIP, and a CLIP from pictures alone', async () => {
  const clip = await begun('a-clip', { name: 'clip' });
  const dino = await begun('a-dino', DINO, { from: clip.runDir });
  expect(dino.weights[0]).toMatch(
    /^starts from .*a-clip \(Couplet's run\): \d+ tensors; .*tensors of parts that this model has not are left out; .*start as they would without weights$/,
  );
  const [texts, nets] = [
    await tensorsOf(clip.runDir, 3),
    await loadRun(dino.runDir, { checkpoint: 'start' }),
  ];
  try {
    const wanted = texts.get('visual.transformer.resblocks.0.mlp.c_fc.weight')!.data;
    for (const prefix of ['backbone.', 'teacher.backbone.']) {
      const values = nets.method.model.get(`${prefix}blocks.0.mlp.fc1.weight`)!.toArray();
      expect(
        Buffer.from(values.buffer, values.byteOffset, values.byteLength).equals(Buffer.from(wanted)),
      ).toBe(true);
    }
  } finally {
    nets.close();
  }
  const { embedDim, text } = tinyModel;
  const back = await begun('back', { name: 'clip' }, {
    embedDim,
    image: { from: dino.runDir },
    text,
  } as never);
  expect(back.weights[0]).toMatch(/a-dino/);
});

test('other sizes of pictures and patches; what the file contradicts is refused', async () => {
  const clip = await begun('sizes', { name: 'clip' });
  const larger = await begun(
    'larger',
    { name: 'clip' },
    { from: clip.runDir, image: { imageSize: 48, patchSize: 12 } },
  );
  expect(larger.weights[0]).toMatch(
    /positions are resized from 3 x 3 to 4 x 4; the patch projection is resized from 8 to 12 pixels/,
  );
  await expect(
    begun('wide', { name: 'clip' }, { from: clip.runDir, image: { width: 64 } } as never),
  ).rejects.toThrow(
    /model\.image\.width is 64, but the weights in .*sizes have 32\. Beside from, a config may change imageSize, patchSize, pool, projection, head\./,
  );
});

test('a resume and an evaluation do not need the weights; the start does, and says so', async () => {
  const clip = await begun('gone', { name: 'clip' });
  const second = await begun('second', { name: 'clip' }, { from: clip.runDir });
  renameSync(clip.runDir, `${clip.runDir}-moved`);
  expect(existsSync(clip.runDir)).toBe(false);
  const run = await loadRun(second.runDir);
  run.close();
  await expect(loadRun(second.runDir, { checkpoint: 'start' })).rejects.toThrow(
    /The weights .*gone that this run started from are gone\. Put them back; a checkpoint of the run does not need them\./,
  );
});

test('loadedRate: loaded tensors move at a share of the rate, also after a resume', async () => {
  const clip = await begun('origin', { name: 'clip' });
  const { embedDim, text } = tinyModel;
  const config = (name: string, loadedRate: number, steps: number) =>
    tinyConfig({
      train,
      name,
      method: { name: 'clip' },
      model: { embedDim: embedDim * 2, image: { from: clip.runDir }, text },
      optimizer: { name: 'sgd', peakLr: 0.1, weightDecay: 0, loadedRate },
      schedule: { shape: 'constant' },
      duration: { steps },
    });
  const moved = async (name: string, loadedRate: number) => {
    const { runDir } = await trainTiny(config(name, loadedRate, 1), { runsDir: folder });
    const [start, end] = [await loadRun(runDir, { checkpoint: 'start' }), await loadRun(runDir)];
    const distance = (key: string) => {
      const [a, b] = [start, end].map(({ method }) => method.model.get(key)!.toNumbers());
      return Math.hypot(...a!.map((value, i) => value - b![i]!));
    };
    const distances = ['visual.conv1.weight', 'visual.proj', 'text_projection'].map(distance);
    start.close();
    end.close();
    return distances;
  };
  const [whole, tenth] = [await moved('whole-rate', 1), await moved('tenth-rate', 0.1)];
  expect(tenth[0]! / whole[0]!).toBeCloseTo(0.1, 3);
  for (const i of [1, 2]) expect(tenth[i]! / whole[i]!).toBeCloseTo(1, 5);
  await trainTiny({ ...config('tenth-rate', 0.1, 2) }, { runsDir: folder, resume: 'latest' });
  await trainTiny(config('at-once', 0.1, 2), { runsDir: folder });
  const [resumed, atOnce] = await Promise.all(
    ['tenth-rate', 'at-once'].map((name) => tensorsOf(join(folder, name), 2)),
  );
  for (const [key, tensor] of atOnce!)
    expect(Buffer.from(resumed!.get(key)!.data).equals(Buffer.from(tensor.data)), key).toBe(true);
});

test('an image tower without projection gives the width of the embedding', async () => {
  const dino = await begun('no-projection', DINO);
  const { text } = tinyModel;
  const model = (embedDim: number) => ({ embedDim, image: { from: dino.runDir, projection: false }, text });
  await expect(begun('narrow', { name: 'clip' }, model(16) as never)).rejects.toThrow(
    /model\.embedDim.*expected 32, the width of the image tower, since image\.projection is false/,
  );
  const { runDir } = await begun('same-width', { name: 'clip' }, model(32) as never);
  expect((await tensorsOf(runDir, 3)).has('visual.proj')).toBe(false);
});
