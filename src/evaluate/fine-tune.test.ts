import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Method } from '../methods/index.ts';
import { unitRows } from '../nn/unit-rows.ts';
import { memoryStats, noGrad, type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { classify } from './classify.ts';
import type { Encoder } from './features.ts';
import { fineTune } from './fine-tune.ts';
import { type LabelledPair, openPair } from './labelled.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-fine-tune-'));
let pair: LabelledPair;

/** Flat pictures; blue gives the class, red and green are random. */
async function pictures(path: string, count: number): Promise<void> {
  for (let k = 0; k < count; k++) {
    const into = join(path, k % 2 ? 'light' : 'dark');
    mkdirSync(into, { recursive: true });
    const noise = (salt: number) => Math.imul(k + 1000 * salt + count, 0x9e3779b1) >>> 24;
    const background = { r: noise(1), g: noise(2), b: (k % 2 ? 150 : 70) + noise(3) / 8 };
    const picture = sharp({ create: { width: 12, height: 12, channels: 3, background } });
    await picture.png().toFile(join(into, `${k}.png`));
  }
}

beforeAll(async () => {
  await pictures(join(folder, 'train'), 64);
  await pictures(join(folder, 'test'), 40);
  const source = (part: string) => ({
    name: part,
    sources: { type: 'folder' as const, path: join(folder, part) },
  });
  pair = await openPair({ train: source('train'), test: source('test'), seed: 0 });
});
afterAll(() => {
  pair.close();
  rmSync(folder, { recursive: true });
});

/** Mean colour, a layer blind to blue, a rectifier. `reads`: the encoder's weight. */
function blindEncoder(
  reads: 'backbone.weight' | 'teacher.backbone.weight' = 'backbone.weight',
  recorded = true,
) {
  const start = [1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 1, 1, 0, -1, -1, 0];
  const make = () => tensor(start, [6, 3]).persist();
  const model = new Map([
    ['backbone.weight', make().requireGrad()],
    ['teacher.backbone.weight', make()],
    ['projector.weight', make().requireGrad()],
  ]);
  const forward = (images: Tensor) => {
    const colours = images.to('float32').mean([1, 2]).div(127.5).sub(1); // [B, 3]
    return unitRows(ops.relu(ops.linear(colours, model.get(reads)!)).add(0.1));
  };
  const method = {
    model,
    params: new Map([...model].filter(([name]) => !name.startsWith('teacher.'))),
    state: new Map(),
    encodeImages: (images: Tensor) => (recorded ? forward(images) : noGrad(() => forward(images))),
    dispose: () => {
      for (const weight of model.values()) weight.dispose();
    },
  } as unknown as Method;
  const encoder: Encoder = { method, device: 'cpu', imageSize: 8, workers: 1 };
  const values = () => Object.fromEntries([...model].map(([name, weight]) => [name, weight.toNumbers()]));
  return { encoder, method, start, values };
}

const tuning = { epochs: 12, globalBatchSize: 16, peakLr: 0.06, weightDecay: 0 };

it('learns what frozen features do not hold, and says how far it is', async () => {
  const before = memoryStats().liveTensors;
  const { encoder, method, start, values } = blindEncoder();
  const told: number[] = [];
  const report = await classify(pair, encoder, {
    linear: { epochs: 30 },
    fineTune: { ...tuning, onEpoch: (epoch) => told.push(epoch) },
  });
  expect(report.linear!.top1).toBeLessThan(0.7);
  expect(report.fineTune).toEqual({ pictures: 40, classes: 2, epochs: 12, top1: 1, top5: 1 });
  expect(told).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(values()['backbone.weight']).not.toEqual(start);
  expect(values()['projector.weight']).toEqual(start);
  method.dispose();
  expect(memoryStats().liveTensors).toBe(before);
});

it('moves the copy that pictures are encoded by, and leaves it without gradients', async () => {
  const { encoder, method, start, values } = blindEncoder('teacher.backbone.weight');
  const report = await fineTune(pair, encoder, tuning);
  expect(report.top1).toBe(1);
  expect(values()['teacher.backbone.weight']).not.toEqual(start);
  expect(values()['backbone.weight']).toEqual(start);
  expect(method.model.get('teacher.backbone.weight')!.requiresGrad).toBe(false);
  method.dispose();
});

it('a seed gives the same weights bit for bit, another one others', async () => {
  const run = async (seed: number) => {
    const { encoder, method, values } = blindEncoder();
    await fineTune(pair, encoder, { ...tuning, epochs: 1, seed });
    const all = values();
    method.dispose();
    return all;
  };
  const first = await run(1);
  expect(await run(1)).toEqual(first);
  expect(await run(2)).not.toEqual(first);
});

it('an encoder that records no gradient is refused, and stays as it was', async () => {
  const { encoder, method } = blindEncoder('teacher.backbone.weight', false);
  await expect(fineTune(pair, encoder, tuning)).rejects.toThrow(
    /^This method cannot be fine-tuned: its encodeImages\(\) records no gradient/,
  );
  expect(method.model.get('teacher.backbone.weight')!.requiresGrad).toBe(false);
  method.dispose();
});
