import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { noiseJpeg, put, temporaryFolder } from '../../../tests/data/make.ts';
import { openDataset } from '../dataset/dataset.ts';
import { evalBatches } from '../loader/eval-batches.ts';
import { createPixelCache, keepPixels, type PixelCache } from './pixel-cache.ts';
import { loadPixels, savePixels } from './pixel-file.ts';

const COUNT = 9;
let folder: string;
let cache: string;

beforeEach(async () => {
  folder = temporaryFolder();
  cache = join(folder, 'cache');
  const files: Record<string, Uint8Array> = {};
  for (let k = 0; k < COUNT; k++) {
    const side = k === 4 ? 200 : 20 + k; // one is too large for the cache
    const jpeg = await noiseJpeg(k, side, side);
    files[`f/a/${k}.jpg`] = k === 6 ? jpeg.subarray(0, jpeg.length >> 1) : jpeg;
  }
  put(folder, files);
});

/** One pass of a new process: pictures by id. */
async function pass(more: { cacheFolder?: string } = { cacheFolder: cache }) {
  const dataset = await openDataset([{ type: 'folder', path: join(folder, 'f') }]);
  const options = { microBatchSize: 4, imageSize: 16, workers: 2, captions: false, maxBadShare: 0.2 };
  const batches = evalBatches(dataset, { ...options, ...more });
  const pictures = new Map<number, string>();
  for await (const { views, ids, size, release } of batches) {
    const { images } = views[0]!;
    const bytes = images.length / 4;
    for (let row = 0; row < size; row++)
      pictures.set(
        Number(ids[row]),
        Buffer.from(images.subarray(row * bytes, (row + 1) * bytes)).toString('hex'),
      );
    release();
  }
  dataset.close();
  return { pictures, bad: batches.problems.count };
}

const files = () => readdirSync(cache).map((name) => join(cache, name));

describe('an evaluation with a folder for decoded pictures', () => {
  test('leaves one file there, and the next one gives the same pictures and misses the same', async () => {
    const plain = await pass({});
    const first = await pass();
    expect(first).toEqual(plain);
    expect(first.bad).toBe(1);
    expect(files()).toHaveLength(1);
    expect(await pass()).toEqual(plain);
  });

  test('takes pictures from the file: what is changed in it is seen', async () => {
    const { pictures } = await pass();
    const [file] = files();
    const bytes = readFileSync(file!);
    bytes.fill(255, 16 + 4 * COUNT + 8, 16 + 4 * COUNT + 8 + 3 * 20 * 20); // pixels of the first entry
    writeFileSync(file!, bytes);
    const again = (await pass()).pictures;
    const changed = [...pictures].filter(([id, hex]) => again.get(id) !== hex);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.length).toBeLessThanOrEqual(2); // sides are 20 to 28 pixels
  });

  test('decodes anew when a picture was changed, or the file is cut short', async () => {
    const { pictures } = await pass();
    const [file] = files();
    truncateSync(file!, 1000);
    expect((await pass()).pictures).toEqual(pictures);
    utimesSync(join(folder, 'f/a/0.jpg'), 1, 1);
    expect((await pass()).pictures).toEqual(pictures);
    expect(files()).toHaveLength(2);
  });

  test('goes on without one where nothing can be written', async () => {
    writeFileSync(join(folder, 'plain'), '');
    expect(await pass({ cacheFolder: join(folder, 'plain', 'cache') })).toEqual(await pass({}));
  });
});

describe('a file of pixels', () => {
  const SAMPLES = 5;
  let path: string;
  let full: PixelCache;

  beforeEach(async () => {
    path = join(folder, 'a.pixels');
    full = createPixelCache(SAMPLES, 1 << 16)!;
    for (const id of [3, 0])
      keepPixels(full, id, { width: 4, height: 2, data: Uint8Array.from({ length: 24 }, (_, i) => i + id) });
    await savePixels(path, full);
  });

  const load = (samples = SAMPLES, bytes = 1 << 16) => {
    const empty = createPixelCache(samples, bytes)!;
    return { loaded: loadPixels(path, empty), cache: empty };
  };

  test('gives back slots, pixels and the free place', () => {
    const { loaded, cache: filled } = load();
    expect(loaded).toBe(true);
    expect(filled).toEqual(full);
  });

  /** Offsets: the first mark has 16 bytes, an entry 32. */
  const SLOT_OF_3 = 16 + 4 * 3;
  const WIDTH_OF_FIRST = 16 + 4 * SAMPLES;
  test.each([
    ['a slot beyond the arena', SLOT_OF_3, 5],
    ['a slot before the arena', SLOT_OF_3, -1],
    ['an entry that ends beyond the arena', SLOT_OF_3, 4],
    ['a picture without pixels', WIDTH_OF_FIRST, 0],
    ['a picture larger than any that is kept', WIDTH_OF_FIRST, 1 << 30],
    ['another kind of file', 0, 7],
  ])('%s is not believed', (_, offset, value) => {
    const bytes = readFileSync(path);
    bytes.writeInt32LE(value, offset);
    writeFileSync(path, bytes);
    const { loaded, cache: filled } = load();
    expect(loaded).toBe(false);
    expect(filled.slots.every((slot) => slot === 0)).toBe(true);
    expect(filled.head[0]).toBe(0);
  });

  test('of other samples, or larger than the memory for it, is left alone', () => {
    expect(load(SAMPLES + 1).loaded).toBe(false);
    expect(load(SAMPLES, 48).loaded).toBe(false);
  });
});
