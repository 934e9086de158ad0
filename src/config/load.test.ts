import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { loadConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const methods = {
  clip: { name: 'clip', options: z.strictObject({ temperature: z.number().positive().default(0.07) }) },
  fastclip: {
    name: 'fastclip',
    options: z.strictObject({ rho: z.number().default(6.5), gamma: z.number() }),
  },
};
const couplet = async () => ({ defineConfig: (config: unknown) => config });

const base = {
  model: 'ViT-B-32',
  method: { name: 'clip' },
  data: { train: { type: 'folder', path: 'pictures' } },
  batch: { globalBatchSize: 8 },
  duration: { steps: 3 },
};

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const json = (config: object) => file('run.json', JSON.stringify(config));
const load = (path: string, set: string[] = []) => loadConfig(path, { methods, set, couplet });

async function problems(config: object, set: string[] = []): Promise<string[]> {
  const error = await load(json(config), set).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CoupletError);
  const lines = (error as Error).message.split('\n');
  return lines.length > 1 ? lines.slice(1).map((line) => line.trim()) : lines;
}

describe('a good config', () => {
  it('is completed with defaults', async () => {
    const config = await load(json(base));
    expect(config).toMatchObject({
      name: 'run',
      seed: 0,
      device: 'auto',
      precision: 'float32',
      method: { name: 'clip', temperature: 0.07 },
      data: { tokenizer: { type: 'clip' }, crop: { scale: [0.9, 1], ratio: [3 / 4, 4 / 3] }, flip: false },
      optimizer: { name: 'adamw', peakLr: 5e-4, weightDecay: 0.1, beta1: 0.9, beta2: 0.98, eps: 1e-6 },
      schedule: { warmup: { steps: 0 }, shape: 'cosine', finalLr: 0 },
      checkpoint: { keep: 3 },
      log: { every: { steps: 10 } },
    });
  });

  it('is the same when saved as JSON and loaded again', async () => {
    const config = await load(json(base));
    expect(await load(file('saved.json', JSON.stringify(config)))).toEqual(config);
  });

  it('may be TypeScript that imports from couplet and from a neighbour', async () => {
    file('shared.ts', 'export const steps: number = 5;');
    const path = file(
      'my run.ts',
      `import { defineConfig } from 'couplet';
       import { steps } from './shared.ts';
       export default defineConfig({ ...${JSON.stringify(base)}, duration: { steps } });`,
    );
    expect(await load(path)).toMatchObject({ name: 'my-run', duration: { steps: 5 } });
  });

  it('may describe a model, whose image heads are 64 wide by default', async () => {
    const image = { imageSize: 32, patchSize: 8, width: 128, layers: 2 };
    const text = { contextLength: 8, width: 64, heads: 2, layers: 1 };
    const { model } = await load(json({ ...base, model: { embedDim: 16, image, text } }));
    expect(model).toMatchObject({
      image: { heads: 2, mlpRatio: 4, pool: 'class', positionEmbedding: 'learned' },
    });
  });
});

describe('a wrong config', () => {
  it('has all its problems listed at once', async () => {
    const wrong = {
      ...base,
      optimizer: { peekLr: 1, beta1: 'x' },
      duration: { epoch: 3 },
      batch: { globalBatchSiz: 8 },
    };
    expect(await problems(wrong)).toEqual([
      'batch.globalBatchSiz is not known; did you mean batch.globalBatchSize?',
      'duration.epoch is not known; did you mean duration.epochs?',
      "optimizer.beta1: expected a number, got 'x' (decay of the mean of gradients)",
      'optimizer.peekLr is not known; did you mean optimizer.peakLr?',
    ]);
  });

  it.each([
    [{ batchSize: 4 }, 'batchSize is not known; did you mean batch.globalBatchSize?'],
    [{ optimizer: { lr: 1 } }, 'optimizer.lr is not known; did you mean optimizer.peakLr?'],
    [
      { batch: { size: 4, globalBatchSize: 4 } },
      'batch.size is not known; did you mean batch.globalBatchSize?',
    ],
    [
      { batch: { qqq: 4, globalBatchSize: 4 } },
      'batch.qqq is not known; expected globalBatchSize or gradAccumSteps',
    ],
    [{ method: { name: 'clip', rho: 1 } }, 'method.rho is not known; expected name or temperature'],
    [
      { method: { name: 'fastclp' } },
      "method.name: expected 'clip' or 'fastclip', got 'fastclp'; did you mean 'fastclip'?",
    ],
    [{ method: {} }, "method.name is missing: expected 'clip' or 'fastclip' (training method)"],
    [{ method: { name: 'fastclip' } }, 'method.gamma is missing: expected a number'],
    [
      { duration: 3 },
      'duration: expected { steps }, { epochs }, { samples }, { forwards } or { seconds }, got 3 (length of the run)',
    ],
    [
      { duration: {} },
      'duration: expected exactly one of steps, epochs, samples, forwards or seconds, got none',
    ],
    [
      { duration: { steps: 1, epochs: 1 } },
      'duration: expected exactly one of steps, epochs, samples, forwards or seconds, got steps and epochs',
    ],
    [{ duration: { steps: 0 } }, 'duration.steps: expected at least 1, got 0 (optimizer steps)'],
    [{ duration: { steps: 1.5 } }, 'duration.steps: expected a whole number, got 1.5 (optimizer steps)'],
    [
      { precision: 'bfloat61' },
      "precision: expected 'float32' or 'bfloat16', got 'bfloat61'; did you mean 'bfloat16'?",
    ],
    [{ device: 'gpu' }, "device: expected 'auto', 'cpu', 'cuda' or 'cuda:0', got 'gpu'"],
    [{ name: 'a/b' }, "name: expected letters, digits, '.', '_' and '-', got 'a/b'"],
    [
      { data: { train: [{ type: 'folder', pth: 'x' }] } },
      'data.train.0.pth is not known; did you mean data.train.0.path?',
    ],
  ])('%j', async (part, problem) => {
    expect(await problems({ ...base, ...part })).toEqual([problem]);
  });

  it('is refused when it is not plain data, with the path of what is not', async () => {
    const path = file('fn.ts', 'export default { data: { crop: () => 1 }, seed: 3n, log: [new Date()] };');
    await expect(load(path)).rejects.toThrow(
      /data\.crop is a function\n {2}seed is a bigint\n {2}log\.0 is an instance of Date/,
    );
  });

  it.each([
    ['nowhere.ts', undefined, /^There is no config at .*nowhere\.ts/],
    ['a.yaml', 'a: 1', /expected a \.ts, \.js or \.json file, got \.yaml/],
    ['broken.json', '{', /broken\.json is not JSON/],
    ['broken.ts', 'export default {', /broken\.ts could not be loaded/],
    ['none.ts', 'export const config = {};', /no default export/],
    ['list.ts', 'export default [];', /expected its default export to be a config/],
  ])('%s', async (name, text, message) => {
    const path = text === undefined ? join(folder, name) : file(name, text);
    await expect(load(path)).rejects.toThrow(message);
    await expect(load(path)).rejects.toBeInstanceOf(CoupletError);
  });
});

describe('--set', () => {
  it('reads JSON, and text where it is not JSON', async () => {
    const set = ['optimizer.peakLr=1e-3', 'device=cuda:1', 'data.train.path=a=b', 'data.flip=true', 'name=x'];
    expect(await load(json(base), set)).toMatchObject({
      optimizer: { peakLr: 1e-3 },
      device: 'cuda:1',
      data: { train: { path: 'a=b' }, flip: true },
      name: 'x',
    });
  });

  it('makes parts that the schema knows, and reaches into lists', async () => {
    const config = json({ ...base, data: { train: [{ type: 'folder', path: 'x' }] } });
    const set = [
      'evaluate.retrieval.data.type=folder',
      'evaluate.retrieval.data.path=y',
      'data.train.0.path=z',
    ];
    expect(await load(config, set)).toMatchObject({
      data: { train: [{ path: 'z' }] },
      evaluate: { retrieval: { data: { type: 'folder', path: 'y' } } },
    });
  });

  it('replaces the unit of a duration', async () => {
    expect((await load(json(base), ['duration.epochs=2'])).duration).toEqual({ epochs: 2 });
  });

  it('leaves the name to --name', async () => {
    const config = await loadConfig(json(base), { methods, couplet, set: ['name=x'], name: 'y' });
    expect(config.name).toBe('y');
  });

  it.each([
    ['optimizer.peekLr=1', 'optimizer.peekLr is not known; did you mean optimizer.peakLr?'],
    ['duration.epoch=1', 'duration.epoch is not known; did you mean duration.epochs?'],
    ['peakLr=1', 'peakLr is not known; did you mean optimizer.peakLr?'],
    ['model.image.width=64', "model is 'ViT-B-32', which has no parts; set it as a whole, model='{...}'."],
    ['method.rho=1', 'method.rho is not known; expected name or temperature.'],
    ['seed', 'expected path=value, such as --set optimizer.peakLr=1e-3.'],
    ['=1', 'expected path=value, such as --set optimizer.peakLr=1e-3.'],
  ])('refuses %s', async (set, why) => {
    expect(await problems(base, [set])).toEqual([`--set ${set}: ${why}`]);
  });

  it('cannot reach prototypes', async () => {
    expect(await problems(base, ['__proto__.x=1'])).toEqual([expect.stringMatching(/^--set .*is not known/)]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe('sizes beyond any machine', () => {
  const image = { imageSize: 32, patchSize: 8, width: 64, layers: 2 };
  it.each([
    [
      { model: { image: { ...image, imageSize: 1e9 } } },
      'model.image.imageSize: expected at most 8192, got 1000000000',
    ],
    [
      { model: { image: { ...image, layers: 1e9 } } },
      'model.image.layers: expected at most 1000, got 1000000000',
    ],
    [
      { batch: { globalBatchSize: 1e12 } },
      'batch.globalBatchSize: expected at most 1048576, got 1000000000000',
    ],
    [{ data: { ...base.data, workers: 1e6 } }, 'data.workers: expected at most 1024, got 1000000'],
    [{ threads: 1e9 }, 'threads: expected at most 1024, got 1000000000'],
  ])('are refused: %j', async (change, problem) => {
    const [first] = await problems({ ...base, ...change });
    expect(first).toContain(problem);
  });

  it('and depth: JSON is refused by its reader, a module by the walk over its data', async () => {
    const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
    await expect(load(file('deep.json', `{"model":${deep}}`))).rejects.toThrow(
      /deep\.json is nested more than 100/,
    );
    const module = 'let x = 1; for (let i = 0; i < 1e5; i++) x = [x]; export default { model: x };';
    await expect(load(file('deep.js', module))).rejects.toThrow(/model is nested more than 100 levels deep/);
  });
});
