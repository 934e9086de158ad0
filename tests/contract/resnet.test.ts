// CLIP with a ResNet: open_clip's RN50, and what its batch norms ask of methods, steps and checkpoints.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { type Batch, findMethod, type Method, methods } from '../../src/methods/index.ts';
import { type AnyClipSpec, Clip } from '../../src/models/clip.ts';
import { modelSpec, resnetClipModels } from '../../src/models/registry.ts';
import { decays } from '../../src/optim/groups.ts';
import { createOptimizer, decayGroups, type Optimizer } from '../../src/optim/index.ts';
import { alone, nothingToAverage } from '../../src/ranks/index.ts';
import { trainStep } from '../../src/step/step.ts';
import { stepContextAt } from '../../src/time/clock.ts';
import { memoryStats, noGrad, scope, type Tensor, tensor } from '../../src/torch/index.ts';
import { readJson } from '../parity/golden.ts';
import { int64, uniform } from './numbers.ts';

const SIDE = 32;
const BATCH = 4;
const LENGTH = 5;
const MODEL: AnyClipSpec = {
  embedDim: 8,
  image: { type: 'resnet', imageSize: SIDE, layers: [1, 1, 1, 1], width: 2, heads: 4 },
  text: { contextLength: LENGTH, vocabSize: 16, width: 8, heads: 2, layers: 1 },
};
const ADAM = { beta1: 0.9, beta2: 0.98, eps: 1e-6 };

function batchAt(step: number): Batch {
  const next = uniform(step);
  const bytes = Uint8Array.from({ length: BATCH * SIDE * SIDE * 3 }, () => 128 + 127 * next());
  const tokens = Array.from({ length: BATCH }).flatMap(() => [
    ...Array.from({ length: LENGTH - 1 }, () => Math.floor(7 + 7 * next())),
    15,
  ]);
  return {
    views: [tensor(bytes, [BATCH, SIDE, SIDE, 3])],
    tokens: tensor(Int32Array.from(tokens), [BATCH, LENGTH]),
    ids: int64([0, 1, 2, 3]),
    rows: { first: 0, total: 4 },
  };
}

const arrays = (tensors: Map<string, Tensor>) =>
  new Map([...tensors].map(([name, t]) => [name, t.toArray()] as const));
const isBuffer = (name: string) => /running_(mean|var)$|num_batches_tracked$/.test(name);

test("RN50 has open_clip's names, shapes, buffers and count of parameters", () => {
  const golden = readJson<{
    parameters: number;
    heads: number;
    shapes: Record<string, number[]>;
    buffers: string[];
  }>('open-clip-rn50.golden.json');
  const spec = modelSpec('RN50');
  expect(spec).toBe(resnetClipModels.RN50);
  expect(spec.image.heads).toBe(golden.heads);
  const clip = new Clip(spec, { seed: 0, device: 'meta' }); // shapes without memory
  const [tensors, params] = [clip.namedTensors(), clip.namedParameters()];
  const shapes = [...tensors].map(([name, t]) => [name, [...t.shape]]);
  expect(Object.fromEntries(shapes)).toEqual(golden.shapes);
  expect([...tensors.keys()].filter((name) => !params.has(name)).sort()).toEqual(golden.buffers);
  expect(golden.buffers.every(isBuffer)).toBe(true);
  expect([...params.values()].reduce((sum, t) => sum + t.size, 0)).toBe(golden.parameters);
  expect(golden.parameters).toBe(102_007_137);
  // FastCLIP decays what has two dimensions and is neither norm nor bias.
  for (const [name, param] of params) expect(decays(name, param), name).toBe(param.dim >= 2);
  clip.dispose();
});

describe('a config', () => {
  const base = {
    method: { name: 'clip' },
    data: { train: { type: 'folder', path: 'pictures' } },
    batch: { globalBatchSize: 8 },
    duration: { steps: 3 },
  };
  const text = { contextLength: 8, width: 64, heads: 2, layers: 1 };
  const parse = (image: object) =>
    parseConfig({ ...base, model: { embedDim: 16, image, text } } as unknown as RunConfigInput);

  test('may describe a ResNet, whose heads are 64 wide by default; a ViT needs no type', () => {
    const image = { type: 'resnet', imageSize: 64, layers: [1, 1, 1, 1], width: 4 };
    const config = parse(image);
    expect(config.model).toMatchObject({ image: { ...image, heads: 2 } });
    expect(parseConfig(structuredClone(config)).model).toEqual(config.model);
    const vit = { imageSize: 32, patchSize: 8, width: 64, layers: 1 };
    expect(parse(vit).model).toMatchObject({ image: { ...vit, type: 'vit', heads: 1 } });
  });

  test.each([
    [{ type: 'resnet', imageSize: 60, layers: [1, 1, 1, 1], width: 4 }, /imageSize/],
    [{ type: 'resnet', imageSize: 64, layers: [1, 1, 1], width: 4 }, /model\.image\.layers/],
    [
      { type: 'resnet', imageSize: 64, layers: [1, 1, 1, 1], width: 4, heads: 3 },
      /heads: expected a divisor of 32 width \(128\), got 3/,
    ],
    [
      { type: 'resnet', imageSize: 64, layers: [1, 1, 1, 1], width: 4, patchSize: 8 },
      /patchSize is not known/,
    ],
    [{ type: 'resnett' }, /model\.image\.type: expected 'vit' or 'resnet'.*did you mean 'resnet'/],
    [{ imageSize: 32, patchSiz: 8, width: 64, layers: 1 }, /did you mean model\.image\.patchSize/],
    [{ imageSize: 32, patchSize: 5, width: 64, layers: 1 }, /expected a divisor of imageSize \(32\), got 5/],
  ])('%j is refused', (image, problem) => {
    expect(() => parse(image)).toThrow(problem);
  });
});

const withTexts = (name: string) => findMethod(name).needs.tokens;

test.each(Object.keys(methods).filter((name) => !withTexts(name)))('method %s refuses a ResNet', (name) => {
  const { options, create } = findMethod(name);
  const context = { options: options.parse({ name }), model: { image: MODEL.image }, ranks: alone };
  expect(() => create(context as never)).toThrow(
    `method ${name} needs a ViT as model.image, got a ResNet: give model a name such as ViT-S-16`,
  );
});

describe.each(Object.keys(methods).filter(withTexts))('method %s on a ResNet', (name) => {
  let before: number;
  let method: Method;
  let optimizer: Optimizer;

  const create = (seed = 1) => {
    const definition = findMethod(name);
    method = definition.create({
      options: definition.options.parse({ name }),
      model: MODEL,
      datasetSize: BATCH,
      seed,
      device: 'cpu',
      precision: 'float32',
      pixels: { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] },
      optimizer: { peakLr: 1e-3, ...ADAM },
      ranks: alone,
    });
    optimizer = createOptimizer({ name: 'adamw', ...ADAM }, decayGroups(method.params, 0.1));
  };
  const free = () => {
    method.dispose();
    optimizer.dispose();
  };
  const step = (index: number, gradAccumSteps = 1) => {
    const config = { batch: { globalBatchSize: BATCH, gradAccumSteps }, optimizer: {} };
    const context = stepContextAt(index, {
      totalSteps: 9,
      globalBatchSize: BATCH,
      datasetSize: BATCH,
      lr: () => 1e-3,
    });
    return scope(() =>
      trainStep(
        { method, optimizer, averager: nothingToAverage, ranks: alone, config } as never,
        batchAt(index),
        context,
        { log: true },
      ),
    );
  };
  const everything = () =>
    new Map([
      ...method.model,
      ...[...method.state].map(([key, t]) => [`method.${key}`, t] as const),
      ...[...optimizer.state().tensors].map(([key, t]) => [`optimizer.${key}`, t] as const),
    ]);
  const buffers = () => arrays(new Map([...method.model].filter(([key]) => isBuffer(key))));
  const encoded = () => noGrad(() => scope(() => method.encodeImages(batchAt(0).views[0]).toNumbers()));

  beforeEach(() => {
    before = memoryStats().liveTensors;
    create();
  });
  afterEach(() => {
    free();
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('buffers are in the model and not in params; a step moves each of them, once', () => {
    const names = [...method.model.keys()].filter(isBuffer);
    expect(names).toHaveLength(3 * (3 + 4 * 4)); // stem; each stage's one block with its shortcut
    expect([...method.params.keys()].some(isBuffer)).toBe(false);
    const start = buffers();
    for (const parts of [1, 2]) step(0, parts);
    for (const [key, array] of buffers()) {
      if (key.endsWith('tracked')) expect(array, key).toEqual(BigInt64Array.of(2n));
      else expect(array, key).not.toEqual(start.get(key));
    }
  });

  test('encoders use the running statistics, and change nothing: a picture does not see its company', () => {
    step(0);
    const still = buffers();
    const all = encoded();
    const single = scope(() => method.encodeImages(batchAt(0).views[0].narrow(0, 1, 1)).toNumbers());
    single.forEach((v, k) => {
      expect(v).toBeCloseTo(all[single.length + k], 5);
    });
    expect(buffers()).toEqual(still);
    for (const [key, t] of method.model)
      if (key.endsWith('running_mean')) t.set_(Float32Array.from({ length: t.size }, () => 0.5));
    expect(encoded()).not.toEqual(all);
  });

  test('a checkpoint continues bit for bit in a new method, also in what the encoder says', () => {
    step(0);
    step(1);
    const saved = arrays(everything());
    const tables = new Map([...(method.tables ?? [])].map(([key, table]) => [key, table.gather()]));
    const counts = optimizer.state();
    const run = () => [encoded(), step(2), step(3), encoded(), arrays(everything())];
    const expected = run();
    free();
    create(99);
    expect(encoded()).not.toEqual(expected[0]);
    for (const [key, t] of everything()) t.set_(saved.get(key)!);
    for (const [key, table] of tables) {
      method.tables!.get(key)!.scatter(table);
      table.rows.dispose();
      table.visited.dispose();
    }
    optimizer.restore(counts);
    expect(run()).toEqual(expected);
  });

  test('live tensors stay flat', () => {
    step(0);
    const live = memoryStats().liveTensors;
    for (let index = 1; index < 6; index++) step(index, 1 + (index % 2));
    expect(memoryStats().liveTensors).toBe(live);
  });

  test('learns', () => {
    const losses = Array.from({ length: 25 }, () => step(0)!['train/loss']);
    expect(losses.at(-1)!).toBeLessThan(0.9 * losses[0]);
  });
});
