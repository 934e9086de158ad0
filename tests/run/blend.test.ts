// Weights between those that a run began with and those that it learned.
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { evaluateRun } from '../../src/run/evaluate-run.ts';
import { type LoadedRun, type LoadRunOptions, loadRun } from '../../src/run/load-run.ts';
import { memoryStats } from '../../src/torch/index.ts';
import { runsFolder, type TinyConfig, tinyConfig, tinyModel, trainTiny } from './harness.ts';
import { asParquet, asWebdataset, shapes } from './shapes.ts';

const folder = runsFolder();
let base: TinyConfig;
const resnet = {
  type: 'resnet' as const,
  imageSize: 32,
  layers: [1, 1, 1, 1] as [number, number, number, number],
  width: 4,
  heads: 2,
};

beforeAll(async () => {
  base = {
    train: asWebdataset(join(folder, 'train'), await shapes(48)),
    duration: { steps: 5 },
    model: { ...tinyModel, freeze: { image: 0 } },
    emaWeights: { momentum: 0.9 },
    evaluate: { retrieval: { data: asParquet(join(folder, 'pairs'), await shapes(48, { seed: 1 })) } },
  };
  await trainTiny(tinyConfig({ ...base, name: 'vit' }), { runsDir: folder });
});

async function valuesOf(name: string, options: LoadRunOptions): Promise<Map<string, number[]>> {
  const before = memoryStats().liveTensors;
  const run: LoadedRun = await loadRun(join(folder, name), options);
  const values = new Map([...run.method.model].map(([key, tensor]) => [key, tensor.toNumbers()]));
  run.close();
  expect(memoryStats().liveTensors).toBe(before);
  return values;
}

test.each(['last', 'ema'] as const)(
  '%s: shares of start and end, exact at both ends and where nothing moved',
  async (weights) => {
    const start = await valuesOf('vit', { checkpoint: 'start' });
    const end = await valuesOf('vit', { weights });
    expect(await valuesOf('vit', { weights, blend: 0 })).toEqual(start);
    expect(await valuesOf('vit', { weights, blend: 1 })).toEqual(end);
    for (const blend of [0.3, 0.5, 0.8]) {
      for (const [name, values] of await valuesOf('vit', { weights, blend })) {
        const [from, to] = [start.get(name)!, end.get(name)!];
        values.forEach((value, i) => {
          if (from[i] === to[i]) expect(value, name).toBe(from[i]);
          else expect(value, name).toBeCloseTo((1 - blend) * from[i] + blend * to[i], 6); // float32 near 1
        });
      }
    }
    expect(start.get('visual.conv1.weight')).toEqual(end.get('visual.conv1.weight'));
    expect(start.get('logit_scale')).not.toEqual(end.get('logit_scale'));
  },
);

test('an evaluation takes them, and a share outside of 0 to 1 is refused', async () => {
  const run = join(folder, 'vit');
  const [blended, end] = [await evaluateRun(run, { blend: 0.5 }), await evaluateRun(run)];
  expect(JSON.stringify(blended)).not.toBe(JSON.stringify(end));
  await expect(loadRun(run, { blend: 1.5 })).rejects.toThrow('blend is 1.5: expected a share');
});

test('batch norms of a tower: refused where statistics moved, blended where they were frozen', async () => {
  const config = (name: string, freeze?: { image: 'all' }) =>
    tinyConfig({
      ...base,
      name,
      duration: { steps: 2 },
      model: { ...tinyModel, image: resnet, ...(freeze && { freeze }) },
      evaluate: {},
    });
  await trainTiny(config('moving'), { runsDir: folder });
  await expect(loadRun(join(folder, 'moving'), { blend: 0.5 })).rejects.toThrow(
    /^blend: visual\.\S+running_mean moved while the run trained/,
  );
  await trainTiny(config('still', { image: 'all' }), { runsDir: folder });
  const still = await valuesOf('still', { blend: 0.5 });
  expect(still.get('visual.bn1.running_mean')).toEqual(
    (await valuesOf('still', { checkpoint: 'start' })).get('visual.bn1.running_mean'),
  );
});

test("MoCo's momentum encoder is blended too, and batch norms of heads keep the trained statistics", async () => {
  const image = { ...tinyModel.image, pool: 'class' as const };
  const method = { name: 'moco-v3', heads: { hidden: 16, embedDim: 8 }, frozenPatches: false } as const;
  const { emaWeights: _, ...plain } = base;
  const config = tinyConfig({ ...plain, name: 'moco', model: { image }, method, evaluate: {} });
  await trainTiny(config, { runsDir: folder });
  const [start, end] = [await valuesOf('moco', { checkpoint: 'start' }), await valuesOf('moco', {})];
  const half = await valuesOf('moco', { blend: 0.5 });
  const copied = 'momentum_encoder.backbone.blocks.0.mlp.fc1.weight';
  half.get(copied)!.forEach((value, i) => {
    expect(value).toBeCloseTo((start.get(copied)![i] + end.get(copied)![i]) / 2, 6);
  });
  expect(half.get(copied)).not.toEqual(end.get(copied));
  const statistics = [...end.keys()].filter((name) => name.endsWith('running_mean'));
  expect(statistics.length).toBeGreaterThan(0);
  for (const name of statistics) expect(half.get(name), name).toEqual(end.get(name));
});
