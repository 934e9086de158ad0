import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  colourOf,
  jpegOf,
  makeShard,
  makeTar,
  noiseJpeg,
  put,
  temporaryFolder,
} from '../../../tests/data/make.ts';
import { type Dataset, openDataset } from '../dataset/dataset.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import type { HostBatch } from './batches.ts';
import { evalBatches } from './eval-batches.ts';
import { createLoader } from './loader.ts';
import type { LoaderOptions } from './loader-options.ts';
import { sampleAt } from './order.ts';

const COUNT = 30;
/** 30 pictures of noise in three sizes, one too large for our resampling. */
let noise: Dataset;
/** 20 pictures of one colour each, with captions. */
let plain: Dataset;

beforeAll(async () => {
  const folder = temporaryFolder();
  const sides = [32, 50, 160];
  const images = await Promise.all(
    Array.from({ length: COUNT }, (_, k) => noiseJpeg(k, sides[k % 3]!, 40 + sides[k % 3]! / 2)),
  );
  put(
    folder,
    Object.fromEntries(
      images.map((jpeg, k) => [`f/${k % 2 ? 'cat' : 'dog'}/${String(k).padStart(2, '0')}.jpg`, jpeg]),
    ),
  );
  noise = await openDataset([
    { type: 'folder', path: join(folder, 'f'), templates: ['a {}', 'one {}', 'the {}'] },
  ]);
  writeFileSync(join(folder, 's.tar'), await makeShard(0, 20));
  plain = await openDataset([{ type: 'webdataset', path: join(folder, 's.tar') }]);
});
afterAll(() => noise.close());

const view = { size: 16, crop: { scale: [0.3, 1] }, flip: 0.5 } as const;
const base: LoaderOptions = { globalBatchSize: 12, views: [view, view], seed: 7 };

interface Snapshot {
  views: Buffer[];
  ids: number[];
  labels: number[];
  captions: string[] | undefined;
}

function snapshot(batch: HostBatch): Snapshot {
  const { ids, labels, captions } = batch;
  const views = batch.views.map(({ images }) => Buffer.from(images));
  const copy = { views, ids: Array.from(ids, Number), labels: [...labels], captions };
  batch.release();
  return copy;
}

async function readBatches(
  dataset: Dataset,
  steps: number,
  options: Partial<LoaderOptions> = {},
): Promise<Snapshot[]> {
  const loader = createLoader(dataset, { ...base, ...options });
  const batches: Snapshot[] = [];
  for (let step = 0; step < steps; step++) batches.push(snapshot(await loader.next()));
  await loader.close();
  return batches;
}

describe('createLoader', () => {
  test('one seed gives the same bytes with 1 and 3 workers, with and without the cache, and from any step', async () => {
    const whole = await readBatches(noise, 6, { workers: 1 });
    expect(await readBatches(noise, 6, { workers: 3, prefetchBatches: 4 })).toEqual(whole);
    expect(await readBatches(noise, 6, { workers: 2, cacheBytes: 0 })).toEqual(whole);
    expect(await readBatches(noise, 3, { startStep: 3 })).toEqual(whole.slice(3));
    const other = await readBatches(noise, 1, { seed: 8 });
    expect(other[0]!.ids).not.toEqual(whole[0]!.ids);
  });

  test('an epoch has each sample once, a batch may straddle two, labels and captions belong to their ids', async () => {
    const batches = await readBatches(noise, 5);
    const ids = batches.flatMap((batch) => batch.ids);
    const everyId = Array.from({ length: COUNT }, (_, k) => k);
    expect(ids.slice(0, COUNT).sort((a, b) => a - b)).toEqual(everyId);
    expect(ids.slice(COUNT).sort((a, b) => a - b)).toEqual(everyId);
    expect(ids).toEqual(ids.map((_, position) => sampleAt(position, COUNT, base.seed).index));
    const labels = batches.flatMap((batch) => batch.labels);
    expect(labels).toEqual(ids.map((id) => (id < COUNT / 2 ? 0 : 1)));
    const captions = batches.flatMap((batch) => batch.captions!);
    captions.forEach((caption, k) => {
      expect(caption).toMatch(labels[k] === 0 ? /^(a|one|the) cat$/ : /^(a|one|the) dog$/);
    });
    expect(new Set(captions).size).toBe(6);
  });

  test('ranks see the parts of the same batch', async () => {
    const whole = await readBatches(noise, 2, { views: [view] });
    const parts = [];
    for (const rank of [0, 1, 2])
      parts.push(await readBatches(noise, 2, { views: [view], rank, worldSize: 3 }));
    for (const step of [0, 1]) {
      expect(parts.flatMap((part) => part[step]!.ids)).toEqual(whole[step]!.ids);
      const joined = Buffer.concat(parts.map((part) => part[step]!.views[0]!));
      expect(joined.equals(whole[step]!.views[0]!)).toBe(true);
    }
  });

  test('views of one sample differ, epochs differ, and both show the sample', async () => {
    const [first, , third] = await readBatches(noise, 4);
    const bytes = 16 * 16 * 3;
    const view = (batch: Snapshot, v: number, row: number) =>
      batch.views[v]!.subarray(row * bytes, (row + 1) * bytes);
    for (let row = 0; row < 12; row++) expect(view(first!, 0, row).equals(view(first!, 1, row))).toBe(false);
    const again = third!.ids.findIndex((id, row) => row >= 6 && first!.ids.includes(id));
    expect(again).toBeGreaterThan(-1);
    expect(view(third!, 0, again).equals(view(first!, 0, first!.ids.indexOf(third!.ids[again]!)))).toBe(
      false,
    );
  });

  test('views may differ in size, and a view does not depend on the others', async () => {
    const small = { size: 6, crop: { scale: [0.1, 0.3] }, flip: 0 } as const;
    const [both, first] = [
      await readBatches(noise, 2, { views: [view, small, view] }),
      await readBatches(noise, 2),
    ];
    for (const step of [0, 1]) {
      expect(both[step]!.views.map(({ length }) => length / 12 / 3)).toEqual([256, 36, 256]);
      expect(both[step]!.views[0]!.equals(first[step]!.views[0]!)).toBe(true);
      expect(both[step]!.views[2]!.equals(first[step]!.views[1]!)).toBe(false);
    }
    const steps = await readBatches(noise, 2, { views: [view, small, view], workers: 3, startStep: 1 });
    expect(steps[0]).toEqual(both[1]);
  });

  test('every row holds the picture and the caption of its id', async () => {
    for (const batch of await readBatches(plain, 3)) {
      batch.ids.forEach((id, row) => {
        expect(batch.captions![row]).toBe(`caption ${id}`);
        for (const v of [0, 1]) {
          const at = row * 16 * 16 * 3 + 300;
          for (const [c, level] of colourOf(id).entries())
            expect(Math.abs(batch.views[v]![at + c]! - level)).toBeLessThan(6);
        }
      });
    }
  });

  test('workers tokenize: the same ids as the tokenizer gives here', async () => {
    const spec = { type: 'clip', contextLength: 12 } as const;
    const loader = createLoader(plain, { ...base, tokenizer: { spec, contextLength: 12 } });
    const batch = await loader.next();
    const tokenizer = createTokenizer(spec);
    const expected = Array.from(batch.ids, (id) => [...tokenizer.encode(`caption ${id}`)]).flat();
    expect([...batch.tokens!]).toEqual(expected);
    expect(batch.captions).toBeUndefined();
    await loader.close();
  });

  test('released memory is used again, memory in use is not', async () => {
    const loader = createLoader(plain, { ...base, prefetchBatches: 1 });
    const unreleased = await loader.next();
    const copy = Buffer.from(unreleased.views[0]!.images);
    for (let step = 0; step < 5; step++) (await loader.next()).release();
    expect(Buffer.from(unreleased.views[0]!.images).equals(copy)).toBe(true);
    const buffers = new Set();
    for (let step = 0; step < 8; step++) {
      const batch = await loader.next();
      buffers.add(batch.views[0]!.images.buffer);
      batch.release();
    }
    expect(buffers.size).toBeLessThanOrEqual(3);
    await loader.close();
  });

  test('wrong options are refused, with what to do', () => {
    const make = (options: object) => () => createLoader(noise, { ...base, ...options });
    expect(make({ globalBatchSize: 31 })).toThrow(/globalBatchSize is 31, expected at most the 30 samples/);
    expect(make({ globalBatchSize: 10, worldSize: 3 })).toThrow(/multiple of worldSize 3/);
    expect(make({ rank: 2, worldSize: 2 })).toThrow(/rank 2/);
    expect(make({ imagesize: 3 })).toThrow(/imagesize/);
    expect(make({ views: [{ ...view, crop: { scale: [1, 0.5] } }] })).toThrow(/\[least, most\]/);
    expect(make({ views: [] })).toThrow(/views/);
  });
});

describe('evalBatches', () => {
  test('every sample once, in order, the last batch smaller, ranks share', async () => {
    const seen: number[][] = [];
    for (const rank of [0, 1]) {
      for await (const batch of evalBatches(plain, { microBatchSize: 4, imageSize: 8, rank, worldSize: 2 })) {
        seen.push(Array.from(batch.ids, Number));
        expect(batch.views[0]!.images.length).toBe(batch.size * 8 * 8 * 3);
        expect(batch.captions).toEqual(Array.from(batch.ids, (id) => `caption ${id}`));
        batch.release();
      }
    }
    expect(seen.map((ids) => ids.length)).toEqual([4, 4, 2, 4, 4, 2]);
    expect(seen.flat()).toEqual(Array.from({ length: 20 }, (_, id) => id));
  });
});

describe('pictures of every kind', () => {
  const side = 20;
  /** Left half red, right half blue, with alpha at the top. */
  const raw = (alpha: boolean): Uint8Array =>
    Uint8Array.from({ length: side * side * 4 }, (_, i) => {
      const [x, y] = [Math.floor(i / 4) % side, Math.floor(i / 4 / side)];
      return [x < 10 ? 255 : 0, 0, x < 10 ? 0 : 255, alpha && y < 10 ? 0 : 255][i % 4]!;
    });
  const picture = (alpha = false) => sharp(raw(alpha), { raw: { width: side, height: side, channels: 4 } });
  const red = [255, 0, 0];
  const blue = [0, 0, 255];
  const white = [255, 255, 255];
  const grey = [54, 54, 54];

  const kinds: [string, () => Promise<Buffer>, number[][], number][] = [
    // Top left, top right, bottom left, bottom right; tolerance in bytes.
    [
      'jpg',
      () => picture().removeAlpha().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(),
      [red, blue, red, blue],
      6,
    ],
    [
      'jpg',
      () => picture().removeAlpha().jpeg({ quality: 100, progressive: true }).toBuffer(),
      [red, blue, red, blue],
      6,
    ],
    ['png', () => picture(true).png().toBuffer(), [white, white, red, blue], 0],
    ['png', () => picture().png({ palette: true }).toBuffer(), [red, blue, red, blue], 2],
    ['png', () => picture().toColourspace('rgb16').png().toBuffer(), [red, blue, red, blue], 1],
    ['webp', () => picture(true).webp({ lossless: true }).toBuffer(), [white, white, red, blue], 0],
    [
      'jpg',
      () => picture().removeAlpha().greyscale().jpeg({ quality: 100 }).toBuffer(),
      [grey, grey.map(() => 18), grey, grey.map(() => 18)],
      90,
    ],
    [
      'jpg',
      () => picture().removeAlpha().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(),
      [red, blue, red, blue],
      130,
    ],
    [
      'jpg',
      () =>
        picture()
          .removeAlpha()
          .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
          .withMetadata({ orientation: 6 })
          .toBuffer(),
      [red, red, blue, blue],
      6,
    ],
    [
      'jpg',
      () =>
        picture()
          .removeAlpha()
          .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
          .withMetadata({ orientation: 2 })
          .toBuffer(),
      [blue, red, blue, red],
      6,
    ],
    [
      'webp',
      () => picture().removeAlpha().webp({ lossless: true }).withMetadata({ orientation: 8 }).toBuffer(),
      [blue, blue, red, red],
      6,
    ],
  ];

  test('become upright RGB on white, small and large alike', async () => {
    const made = await Promise.all(kinds.map(([, make]) => make()));
    // Too large for our resampling, and not square.
    const large = await Promise.all(
      made.map((bytes) =>
        sharp(bytes).resize(300, 200, { fit: 'fill', kernel: 'nearest' }).keepExif().toBuffer(),
      ),
    );
    const entries = [...made, ...large].map((data, k) => ({
      name: `${String(k).padStart(3, '0')}.${kinds[k % kinds.length]![0]}`,
      data,
    }));
    const path = join(temporaryFolder(), 'a.tar');
    writeFileSync(path, makeTar(entries));
    const dataset = await openDataset([{ type: 'webdataset', path }]);
    const checked: number[] = [];
    for await (const batch of evalBatches(dataset, { microBatchSize: 64, imageSize: side })) {
      batch.ids.forEach((id, row) => {
        const [, , corners, off] = kinds[Number(id) % kinds.length]!;
        const pixel = (x: number, y: number) => [
          ...batch.views[0]!.images.subarray(((row * side + y) * side + x) * 3).subarray(0, 3),
        ];
        const got = [pixel(2, 2), pixel(17, 2), pixel(2, 17), pixel(17, 17)];
        const far = Math.max(...got.flat().map((byte, i) => Math.abs(byte - corners.flat()[i]!)));
        expect(far, `kind ${id}: ${JSON.stringify(got)}`).toBeLessThanOrEqual(
          Number(id) < kinds.length ? off : off + 8,
        );
        checked.push(Number(id));
      });
    }
    expect(checked).toHaveLength(2 * kinds.length);
  });

  test('random crops of a turned picture stay in it: the box is of the upright picture', async () => {
    const folder = temporaryFolder();
    const wide = await jpegOf([200, 0, 0], 300, 150);
    const turned = await sharp(wide).withMetadata({ orientation: 6 }).toBuffer();
    put(folder, { 'c/1.jpg': turned, 'c/2.jpg': await sharp(turned).resize(60, 30).keepExif().toBuffer() });
    const dataset = await openDataset([{ type: 'folder', path: folder }]);
    const batches = await readBatches(dataset, 10, { globalBatchSize: 2 });
    for (const { views } of batches)
      expect(views[0]!.every((byte, i) => Math.abs(byte - (i % 3 === 0 ? 200 : 0)) < 8)).toBe(true);
  });
});
