import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { noiseJpeg, put, temporaryFolder } from '../../tests/data/make.ts';
import { openDataset } from '../data/index.ts';
import { loadDatasetOnDevice, type OnDeviceOptions } from './dataset-on-device.ts';

const COUNT = 24;
let folder: string;
let cache: string;

beforeEach(async () => {
  folder = temporaryFolder();
  cache = join(folder, 'cache', 'held');
  const files: Record<string, Uint8Array | string> = { 'list.csv': 'path,caption\n' };
  for (let k = 0; k < COUNT; k++) {
    const jpeg = await noiseJpeg(k, 20 + k, 30);
    files[`${k}.jpg`] = k === 5 ? jpeg.subarray(0, jpeg.length >> 1) : jpeg;
    files['list.csv'] += `${k}.jpg,${k === 7 ? '' : `a picture of ${k}`}\n`;
  }
  put(folder, files);
});

const tokenizer: OnDeviceOptions['tokenizer'] = {
  spec: { type: 'clip', contextLength: 16 },
  contextLength: 16,
};

/** Holds the pictures, and says whether it decoded them. */
async function hold(options: Partial<OnDeviceOptions> = {}) {
  const dataset = await openDataset([{ type: 'manifest', path: join(folder, 'list.csv') }]);
  let decoded = false;
  const warnings: string[] = [];
  const held = await loadDatasetOnDevice(dataset, {
    device: 'cpu',
    workers: 1,
    maxSide: 48,
    maxBadShare: 0.2,
    cache,
    onProgress: () => {
      decoded = true;
    },
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  const [n, side] = held.images.shape as [number, number];
  const bytes = Buffer.from(held.images.to('int32').toNumbers());
  const { sizes, tokens, problems } = held;
  held.dispose();
  dataset.close();
  /** Pixels around a picture are not defined. */
  const pictures = Array.from({ length: n }, (_, id) =>
    Array.from({ length: Math.min(sizes[2 * id + 1]!, side) }, (_, y) => {
      const from = (id * side + y) * side * 3;
      return bytes.subarray(from, from + 3 * Math.min(sizes[2 * id]!, side)).toString('base64');
    }),
  );
  const { count, first } = problems;
  return {
    decoded,
    warnings,
    held: { pictures, side, sizes, tokens, problems: { count, first: [...first] } },
  };
}
const files = () => (existsSync(cache) ? readdirSync(cache) : []);

describe('a folder for decoded pictures', () => {
  test('the next run takes them from there, the same in everything', async () => {
    const first = await hold();
    expect(first).toMatchObject({ decoded: true, warnings: [], held: { side: 43, problems: { count: 1 } } });
    expect(files()).toHaveLength(1);
    const second = await hold();
    expect(second.decoded).toBe(false);
    expect(second.held).toEqual(first.held);
    // It is the file that is read.
    const path = join(cache, files()[0]!);
    const bytes = readFileSync(path);
    bytes[16] = bytes[16]! ^ 255;
    writeFileSync(path, bytes);
    expect((await hold()).held.pictures[0]).not.toEqual(first.held.pictures[0]);
  });

  test('other data, another side or captions are other files', async () => {
    await hold();
    expect((await hold({ maxSide: 32 })).decoded).toBe(true);
    put(folder, { '3.jpg': await noiseJpeg(99, 23, 30) });
    expect((await hold()).decoded).toBe(true);
    expect(files()).toHaveLength(3);
  });

  test.each<[string, (path: string) => void]>([
    ['cut', (path) => truncateSync(path, 5000)],
    ['empty', (path) => truncateSync(path, 0)],
    [
      'of another version',
      (path) => writeFileSync(path, readFileSync(path).fill('couplet held 00\n', 0, 16, 'utf8')),
    ],
    [
      'with damaged sizes',
      (path) => {
        const bytes = readFileSync(path);
        const offset = 16 + COUNT * 43 * 43 * 3;
        bytes.writeInt32LE(bytes.readInt32LE(offset) + 1, offset);
        writeFileSync(path, bytes);
      },
    ],
  ])('a file that is %s is written anew', async (_, damage) => {
    const first = await hold();
    damage(join(cache, files()[0]!));
    const second = await hold();
    expect(second.decoded).toBe(true);
    expect(second.held).toEqual(first.held);
    expect((await hold()).decoded).toBe(false);
  });

  test('too many bad samples are refused from the file too, and nothing half written is left', async () => {
    await expect(hold({ maxBadShare: 0.01 })).rejects.toThrow(/1 of 24 samples/);
    expect(files()).toEqual([]);
    await hold();
    await expect(hold({ maxBadShare: 0.01 })).rejects.toThrow(/1 of 24 samples/);
  });

  test('captions are read anew, and a sample without one is bad where they are wanted', async () => {
    const first = await hold({ tokenizer });
    expect(first.held.problems.count).toBe(2);
    expect(first.held.tokens!.some((id) => id > 0)).toBe(true);
    const second = await hold({ tokenizer });
    expect(second).toEqual({ ...first, decoded: false });
    expect((await hold()).decoded).toBe(true);
  });

  test('a rank that does not write reads', async () => {
    expect((await hold({ writesCache: false })).decoded).toBe(true);
    expect(files()).toEqual([]);
    await hold();
    expect((await hold({ writesCache: false })).decoded).toBe(false);
  });

  test('a folder that cannot be is refused before anything is decoded', async () => {
    await expect(hold({ cache: join(folder, '1.jpg', 'cache') })).rejects.toThrow(
      /data.cache: cannot write .*Name a writable folder/,
    );
    rmSync(folder, { recursive: true });
  });

  test('what a killed process had half written is removed', async () => {
    put(folder, { 'cache/held/0123.held.tmp-999999999': 'half' });
    await hold();
    expect(files()).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.held$/)]);
  });
});
