import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  createLoader,
  type Dataset,
  evalBatches,
  type LoaderOptions,
  openDataset,
} from '../../src/data/index.ts';
import { CoupletError } from '../../src/errors.ts';
import { colourOf, jpegOf, makeShard, noiseJpeg, put, temporaryFolder } from './make.ts';

/** A PNG header that claims 20,000 x 20,000 pixels, with hardly any data behind it. */
function hugePng(): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4);
    return Buffer.concat([head, data, Buffer.alloc(4)]);
  };
  const size = Buffer.alloc(13);
  size.writeUInt32BE(20_000, 0);
  size.writeUInt32BE(20_000, 4);
  size.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', size),
    chunk('IDAT', deflateSync(Buffer.alloc(100))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const GOOD = 40;
const folder = temporaryFolder();
/** 40 good samples and eight bad ones, each bad in its own way. */
let mixed: Dataset;

const reasons: Record<string, RegExp> = {
  'cut-small.jpg': /cannot be decoded: its data is cut or damaged/,
  'cut-large.jpg': /cannot be decoded: its data is cut or damaged/,
  'one.jpg': /1 x 1 pixels, smaller than the 8 that a picture needs/,
  'huge.png': /20000 x 20000 pixels, more than maxPixels/,
  'text.jpg': /not a JPEG, PNG or WebP/,
  'empty.jpg': /the file is empty/,
  'gone.jpg': /there is no such file/,
  'silent.jpg': /caption is empty/,
};

beforeAll(async () => {
  const files: Record<string, string | Uint8Array> = {
    'cut-small.jpg': (await noiseJpeg(1, 64)).subarray(0, 1500),
    'cut-large.jpg': (await noiseJpeg(2, 300)).subarray(0, 20_000),
    'one.jpg': await jpegOf([1, 1, 1], 1),
    'huge.png': hugePng(),
    'text.jpg': 'this is a page that says 404, not a picture at all',
    'empty.jpg': '',
    'silent.jpg': await jpegOf([1, 1, 1]),
  };
  for (let k = 0; k < GOOD; k++) files[`good-${k}.jpg`] = await jpegOf(colourOf(k));
  const bad = Object.keys(reasons).map((name) => `${name},${name === 'silent.jpg' ? '' : 'words'}`);
  const good = Array.from({ length: GOOD }, (_, k) => `good-${k}.jpg,good ${k}`);
  files['m.csv'] = ['path,caption', ...good.slice(0, 20), ...bad, ...good.slice(20)].join('\n');
  put(folder, files);
  mixed = await openDataset([{ type: 'manifest', path: join(folder, 'm.csv') }]);
});

const options: LoaderOptions = {
  globalBatchSize: 16,
  views: [{ size: 12 }],
  seed: 3,
  maxBadShare: 1,
};

async function take(dataset: Dataset, steps: number, more: Partial<LoaderOptions> = {}) {
  const loader = createLoader(dataset, { ...options, ...more });
  const ids: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = await loader.next();
    expect(batch.size).toBe(16 / (more.worldSize ?? 1));
    ids.push(...Array.from(batch.ids, Number));
    batch.release();
  }
  await loader.close();
  return { ids, problems: loader.problems };
}

describe('training on data with bad samples', () => {
  test('each kind is skipped, counted with its reason, and replaced by a good sample', async () => {
    const { ids, problems } = await take(mixed, 3);
    expect(ids.every((id) => id < 20 || id >= 28)).toBe(true);
    expect(problems.count).toBeGreaterThanOrEqual(8);
    const found = new Map(problems.first.map(({ name, reason }) => [name.slice(folder.length + 1), reason]));
    for (const [name, reason] of Object.entries(reasons)) expect(found.get(name), name).toMatch(reason);
  });

  test('the replacement does not depend on the workers, the ranks or the step of entry', async () => {
    const whole = await take(mixed, 3, { workers: 1 });
    expect(await take(mixed, 3, { workers: 3 })).toEqual(whole);
    expect((await take(mixed, 1, { startStep: 2 })).ids).toEqual(whole.ids.slice(32));
    const ranks = [
      await take(mixed, 1, { rank: 0, worldSize: 2 }),
      await take(mixed, 1, { rank: 1, worldSize: 2 }),
    ];
    expect(ranks.flatMap(({ ids }) => ids)).toEqual(whole.ids.slice(0, 16));
  });

  test('pictures alone do not need captions', async () => {
    const { ids, problems } = await take(mixed, 3, { captions: false });
    const silent = 20 + Object.keys(reasons).indexOf('silent.jpg');
    expect(ids).toContain(silent);
    expect(problems.first.some(({ name }) => name.includes('silent'))).toBe(false);
  });

  test('more than maxBadShare ends the run with the reason, the count and the names', async () => {
    const run = take(mixed, 20, { maxBadShare: 0.05 });
    await expect(run).rejects.toThrow(CoupletError);
    await expect(run).rejects.toThrow(
      /\d+ of \d+ samples \(1\d\.\d %\) could not be used; at most 5 %[\s\S]*gone\.jpg: there is no such file/,
    );
    expect((await take(mixed, 6, { maxBadShare: 0.3 })).ids).toHaveLength(96);
  });

  test('a set without one usable sample ends with the first reason', async () => {
    const path = temporaryFolder();
    put(path, Object.fromEntries(Array.from({ length: 100 }, (_, k) => [`c/${k}.jpg`, 'nothing'])));
    const dataset = await openDataset([{ type: 'folder', path }]);
    await expect(take(dataset, 1)).rejects.toThrow(/No usable sample was found.*64 tries.*not a JPEG/);
  });

  test('what was bad while indexing counts before the first step', async () => {
    const path = join(temporaryFolder(), 'a.tar');
    writeFileSync(path, await makeShard(0, 20));
    truncateSync(path, 20_000);
    const dataset = await openDataset([{ type: 'webdataset', path }]);
    expect(dataset.problems.count).toBe(1);
    const make = () => createLoader(dataset, { ...options, globalBatchSize: 2, maxBadShare: 0.01 });
    expect(make).toThrow(/could not be used; at most 1 %[\s\S]*it may be cut/);
  });

  test('an archive that shrinks after it was indexed gives bad samples, not a crash', async () => {
    const path = join(temporaryFolder(), 'a.tar');
    writeFileSync(path, await makeShard(0, 20));
    const dataset = await openDataset([{ type: 'webdataset', path }]);
    truncateSync(path, 20_000);
    const { ids, problems } = await take(dataset, 1);
    expect(Math.max(...ids)).toBeLessThan(19);
    expect(problems.first[0]!.reason).toMatch(/expected \d+ bytes, the archive has/);
  });
});

describe('evaluating data with bad samples', () => {
  test('they are left out and counted, the rest keeps its order, pictures and captions', async () => {
    const batches = evalBatches(mixed, { microBatchSize: 16, imageSize: 12, maxBadShare: 0.2 });
    const ids: number[] = [];
    for await (const batch of batches) {
      batch.ids.forEach((id, row) => {
        const k = Number(id) < 20 ? Number(id) : Number(id) - 8;
        expect(batch.captions![row]).toBe(`good ${k}`);
        const pixel = [...batch.views[0]!.images.subarray((row * 144 + 70) * 3, (row * 144 + 71) * 3)];
        for (const [c, level] of colourOf(k).entries()) expect(Math.abs(pixel[c]! - level)).toBeLessThan(6);
      });
      ids.push(...Array.from(batch.ids, Number));
    }
    expect(ids).toEqual(Array.from({ length: 48 }, (_, id) => id).filter((id) => id < 20 || id >= 28));
    expect(batches.problems.count).toBe(8);
  });

  test('too many end it, and those that the index knows end it before the first', async () => {
    const run = async (captions: boolean) => {
      const all = evalBatches(mixed, { microBatchSize: 16, imageSize: 12, captions });
      for await (const batch of all) batch.release();
    };
    await expect(run(true)).rejects.toThrow(
      /1 of 48 samples \(2\.1 %\)[\s\S]*silent\.jpg: its caption is empty/,
    );
    await expect(run(false)).rejects.toThrow(/7 of 48 samples \(14\.6 %\)/);
  });
});
