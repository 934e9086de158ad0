import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { noiseJpeg, put, temporaryFolder } from '../../../tests/data/make.ts';
import { CoupletError } from '../../errors.ts';
import { openDataset } from '../dataset/dataset.ts';
import { Reader } from '../dataset/reader.ts';
import { createSlab } from '../pictures/slab.ts';
import { type FillConfig, Filler, slabShape } from './fill.ts';

afterEach(() => vi.restoreAllMocks());

/** Reads two pictures, after `damage` in their folder. */
async function readTwo(damage: (folder: string) => void = () => {}) {
  const folder = temporaryFolder();
  put(folder, { '0.jpg': await noiseJpeg(0), '1.jpg': await noiseJpeg(1) });
  const { index } = await openDataset([{ type: 'folder', path: folder }]);
  damage(folder);
  const config: FillConfig = {
    index,
    cache: undefined,
    views: [{ size: 16, transform: { type: 'center-crop', interpolation: 'bicubic' } }],
    seed: 0,
    minSide: 1,
    maxPixels: 1e6,
    contextLength: 0,
    order: 'once',
    captions: 'none',
  };
  const { buffer } = createSlab({ ...slabShape(config), rows: 2 });
  const filler = new Filler(config);
  return filler.run({ buffer, rows: 2, from: 0, count: 2, position: 0 });
}

test('a missing picture is a bad sample', async () => {
  const { bad } = await readTwo((folder) => rmSync(join(folder, '1.jpg')));
  expect(bad).toMatchObject([{ row: 1, reason: 'there is no such file' }]);
});

test.each([
  ['EMFILE', /Cannot read .*\.jpg: this process has too many open files .*ulimit -n/],
  ['ENOSPC', /the disk is full/],
  ['EIO', /the disk or the network file system failed/],
])("the machine's %s is no bad sample: it ends the reading", async (code, sentence) => {
  vi.spyOn(Reader.prototype, 'image').mockImplementation(() => {
    throw Object.assign(new Error(`${code}: words of the system`), { code });
  });
  const reading = readTwo();
  await expect(reading).rejects.toThrow(CoupletError);
  await expect(reading).rejects.toThrow(sentence);
});
