import { rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noiseJpeg, put, temporaryFolder } from '../../tests/data/make.ts';
import { createLoader, type Dataset, openDataset } from '../data/index.ts';
import { memoryStats, scope } from '../torch/index.ts';
import type { ViewRecipe } from '../views/recipe.ts';
import { batchCrops } from './batch-crops.ts';
import { type DatasetOnDevice, loadDatasetOnDevice, type OnDeviceOptions } from './dataset-on-device.ts';
import { drawStep } from './step-draws.ts';

const COUNT = 40;
const BATCH = 16;
const folder = temporaryFolder();
/** 40 pictures of noise of several sizes; three are damaged. */
let small: Dataset;
/** Pictures that are shrunk. */
let large: Dataset;

const options: OnDeviceOptions = { device: 'cpu', workers: 1, maxSide: 128, maxBadShare: 0.2 };
const crop: ViewRecipe['crop'] = { scale: [0.3, 1], ratio: [0.8, 1.2], interpolation: 'bicubic' };
const recipes: ViewRecipe[] = [
  { size: 16, crop, flip: 0.5 },
  { size: 24, crop: { ...crop, interpolation: 'bilinear' }, flip: 0.2 },
  { size: 8, crop: { ...crop, scale: [0.05, 0.3] }, flip: 0 },
];

const isBad = (k: number) => k % 15 === 4;

async function openPictures(
  name: string,
  count: number,
  make: (k: number) => Promise<Uint8Array>,
): Promise<Dataset> {
  const files: Record<string, Uint8Array> = {};
  for (let k = 0; k < count; k++) files[`${name}/all/${String(k).padStart(2, '0')}.jpg`] = await make(k);
  put(folder, files);
  return openDataset([{ type: 'folder', path: join(folder, name) }]);
}

/** Red grows to the right, green downwards. */
function rampJpeg(width: number, height: number): Promise<Buffer> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return [(255 * x) / width, (255 * y) / height, 128][i % 3]!;
  });
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

beforeAll(async () => {
  small = await openPictures('small', COUNT, async (k) => {
    const jpeg = await noiseJpeg(k, 20 + (k % 7) * 9, 60 - (k % 5) * 9);
    return isBad(k) ? jpeg.subarray(0, jpeg.length >> 1) : jpeg;
  });
  large = await openPictures('large', BATCH, (k) => rampJpeg(150 + 10 * k, 200));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Differences of bytes from the loader's views, over `steps` batches of two ranks. */
async function compare(
  dataset: Dataset,
  held: DatasetOnDevice,
  { steps, recipes }: { steps: number; recipes: ViewRecipe[] },
) {
  const seed = 3;
  const apart: number[] = [];
  for (const rank of [0, 1]) {
    const loader = createLoader(dataset, {
      globalBatchSize: BATCH,
      rank,
      worldSize: 2,
      views: recipes,
      captions: false,
      seed,
      workers: 1,
      maxBadShare: 0.5,
    });
    for (let step = 0; step < steps; step++) {
      const batch = await loader.next();
      const position = step * BATCH + (rank * BATCH) / 2;
      const context = { sizes: held.sizes, side: held.images.shape[1]!, recipes, seed };
      const draws = drawStep(context, { position, count: BATCH / 2 });
      expect([...draws.ids]).toEqual([...batch.ids]);
      scope(() => {
        batchCrops(held, draws, { recipes }).forEach((view, v) => {
          expect(view.shape).toEqual([BATCH / 2, recipes[v]!.size, recipes[v]!.size, 3]);
          const expected = batch.views[v]!.images;
          for (const [i, byte] of view.toNumbers().entries()) apart.push(Math.abs(byte - expected[i]!));
        });
      });
      batch.release();
    }
    await loader.close();
  }
  return {
    maxDifference: apart.reduce((a, b) => Math.max(a, b)),
    mean: apart.reduce((a, b) => a + b) / apart.length,
  };
}

describe('pictures that are held', () => {
  test('give the views of the loader, epoch after epoch, on every rank, with the same samples for bad ones', async () => {
    const held = await loadDatasetOnDevice(small, options);
    expect(held.images.shape).toEqual([COUNT, 74, 74, 3]);
    const { maxDifference, mean } = await compare(small, held, { steps: 6, recipes });
    expect(maxDifference).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThan(0.02); // sums just between two bytes
    held.dispose();
  });

  test('bad ones are counted and named once', async () => {
    const held = await loadDatasetOnDevice(small, options);
    expect(held.problems.count).toBe(3);
    expect(held.problems.first.map(({ name }) => name.slice(-6))).toEqual(['04.jpg', '19.jpg', '34.jpg']);
    expect(Array.from({ length: COUNT }, (_, k) => held.sizes[2 * k] === 0)).toEqual(
      Array.from({ length: COUNT }, (_, k) => isBad(k)),
    );
    held.dispose();
    await expect(loadDatasetOnDevice(small, { ...options, maxBadShare: 0.05 })).rejects.toThrow(
      /3 of 40 samples \(7.5 %\) could not be used/,
    );
  });

  test('larger than maxSide are shrunk with their aspect, and the same parts of them are seen', async () => {
    const held = await loadDatasetOnDevice(large, { ...options, maxSide: 100 });
    expect(held.images.shape).toEqual([BATCH, 100, 100, 3]);
    expect([...held.sizes.subarray(0, 4)]).toEqual([150, 200, 160, 200]);
    // A shift by one pixel changes 1 to 4 bytes. Shrunk by 4 at most: beyond it libvips cuts boxes to half a pixel.
    const views = { steps: 2, recipes: recipes.slice(0, 2).map((recipe) => ({ ...recipe, size: 64 })) };
    expect((await compare(large, held, views)).mean).toBeLessThan(0.5);
    held.dispose();
    const whole = await loadDatasetOnDevice(large, { ...options, maxSide: 400 });
    expect(whole.images.shape).toEqual([BATCH, 300, 300, 3]);
    expect((await compare(large, whole, views)).mean).toBeLessThan(0.5);
    whole.dispose();
  });

  test('progress is reported to its end', async () => {
    const progress: [number, number][] = [];
    const held = await loadDatasetOnDevice(small, {
      ...options,
      onProgress: (...counts) => progress.push(counts),
    });
    expect(progress.at(-1)).toEqual([COUNT, COUNT]);
    held.dispose();
  });

  test('what does not fit is refused with what it needs and what is free, before decoding; nothing is left behind', async () => {
    const before = memoryStats().liveTensors;
    await expect(loadDatasetOnDevice(small, { ...options, freeBytes: 2 ** 19 })).rejects.toThrow(
      /data\.hold: 40 pictures of up to 74 x 74 pixels need 0\.000612 GiB on cpu.* of the 0\.000488 GiB that are free.*set data\.hold to 'none'/,
    );
    await expect(loadDatasetOnDevice(small, { ...options, maxBadShare: 0 })).rejects.toThrow();
    expect(memoryStats().liveTensors).toBe(before);
  });
});
