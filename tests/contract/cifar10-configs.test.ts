// The self-supervised configs for CIFAR-10: that they say what is meant for 32 pixels, are alike where they should be, and start.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { findMethod } from '../../src/methods/index.ts';
import { train } from '../../src/train.ts';
import type { ViewRecipe } from '../../src/views/recipe.ts';
import { simclrRecipes } from '../../src/views/recipes.ts';
import { makeTar, noiseJpeg, put, temporaryFolder } from '../data/make.ts';
import { rowsOf } from '../run/harness.ts';

const NAMES = ['moco-v3-cifar10', 'simclr-cifar10', 'dino-cifar10'] as const;
const pathOf = (name: string) => fileURLToPath(new URL(`../../configs/${name}.ts`, import.meta.url));
const load = (name: string, set: string[] = []) => loadConfig(pathOf(name), { set });

async function viewsOf(name: string): Promise<ViewRecipe[]> {
  const { method, data } = await load(name);
  return findMethod(method.name).views({ options: method, imageSize: 32, data: data as never });
}

let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  for (const [split, first] of [
    ['train', 0],
    ['test', 100],
  ] as const) {
    const keys = Array.from({ length: 12 }, (_, i) => first + i);
    const entries = keys.map(async (key) => [
      { name: `${key}.jpg`, data: await noiseJpeg(key, 32) },
      { name: `${key}.cls`, data: String(key % 2) },
    ]);
    put(folder, { [`${split}.tar`]: makeTar((await Promise.all(entries)).flat()) });
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

test('they have one model, one data set, one batch and one length', async () => {
  const [first, ...others] = await Promise.all(NAMES.map((name) => load(name)));
  for (const { model, batch, duration, precision, cudaGraphs, evaluate, data } of others) {
    expect({ model, batch, duration, precision, cudaGraphs, evaluate }).toEqual({
      model: first.model,
      batch: first.batch,
      duration: first.duration,
      precision: first.precision,
      cudaGraphs: first.cudaGraphs,
      evaluate: first.evaluate,
    });
    expect([data.train, data.hold]).toEqual([first.data.train, first.data.hold]);
  }
  expect(first.batch.globalBatchSize).toBe(512);
});

test.each(NAMES)('%s blurs no view, and keeps the other steps', async (name) => {
  for (const view of await viewsOf(name)) {
    expect(view.blur).toBeUndefined();
    expect(view.colorJitter?.probability).toBe(0.8);
    expect(view.grayscale).toBe(0.2);
  }
});

test("SimCLR's views are those with which its authors run CIFAR-10", async () => {
  const ratio = [3 / 4, 4 / 3];
  expect(await viewsOf('simclr-cifar10')).toEqual(simclrRecipes(32, { strength: 0.5, blur: false }));
  expect((await viewsOf('simclr-cifar10'))[0].crop).toEqual({
    scale: [0.08, 1],
    ratio,
    interpolation: 'bicubic',
  });
});

test('DINO: four local crops of 16 pixels; the learning rate is the scaled one', async () => {
  const views = await viewsOf('dino-cifar10');
  expect(views.map(({ size, crop }) => [size, ...crop.scale])).toEqual([
    ...Array(2).fill([32, 0.4, 1]),
    ...Array(4).fill([16, 0.05, 0.4]),
  ]);
  const { method, optimizer } = await load('dino-cifar10');
  expect(method).toMatchObject({ head: { outputs: 4096 } });
  expect(optimizer).toMatchObject({ peakLr: 1e-3, weightDecay: 0.04, clipEachGradNorm: 3 });
});

describe.each(NAMES)('%s', (name) => {
  test('starts, on a shard of its own and with a small model in the place of its', async () => {
    const heads = name.startsWith('dino') ? ['method.head.hidden=16', 'method.head.outputs=32'] : [];
    const config = await load(name, [
      'model.image.layers=1',
      'model.image.width=24',
      `data.train.path=${folder}/train.tar`,
      `evaluate.neighbours.data.path=${folder}/test.tar`,
      'evaluate.neighbours.k=2',
      'evaluate.every={"steps":2}',
      'batch.globalBatchSize=4',
      'duration={"steps":2}',
      'log.every={"steps":1}',
      'device=cpu',
      ...heads,
    ]);
    const { runDir, ...result } = await train(config, { runsDir: join(folder, 'runs') });
    expect(result).toMatchObject({ step: 2, finished: true });
    const rows = rowsOf(runDir);
    expect(rows.filter((row) => Number.isFinite(row['train/loss']))).toHaveLength(2);
    expect(rows.some((row) => Number.isFinite(row['eval/knn_top1']))).toBe(true);
  });
});
