// scripts/make-data, on tiny archives that code makes.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeData as runMakeData } from '../../scripts/data-sets/command.ts';
import { dataSets } from '../../scripts/data-sets/data-sets.ts';
import { loadConfig } from '../../src/config/index.ts';
import { openDataset } from '../../src/data/index.ts';
import { CoupletError } from '../../src/errors.ts';
import { jpegOf, makeTar, put, temporaryFolder } from '../data/make.ts';
import { ROOT } from './markdown.ts';

let folder: string;
const folders: string[] = [];
beforeEach(() => {
  folder = temporaryFolder();
  folders.push(folder);
});
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});
const at = (...path: string[]) => join(folder, ...path);

/** Runs the command in the temporary folder: what it printed, and the message of its error. */
async function makeData(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const before = process.cwd();
  const [log, warn] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'warn')].map((spy) =>
    spy.mockImplementation(() => {}),
  );
  const printed = (spy: typeof log) => spy!.mock.calls.map(([line]) => `${line}\n`).join('');
  process.chdir(folder);
  try {
    await runMakeData(args);
    return { stdout: printed(log), stderr: printed(warn) };
  } catch (error) {
    if (!(error instanceof CoupletError)) throw error;
    return { stdout: printed(log), stderr: error.message };
  } finally {
    process.chdir(before);
    vi.restoreAllMocks();
  }
}

const members = (tar: string) => execFileSync('tar', ['tf', tar], { encoding: 'utf8' }).trim().split('\n');
const bytesOf = (out: string) =>
  Object.fromEntries(
    readdirSync(out).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex'),
    ]),
  );

/** A batch file of CIFAR-10's binary version: row r has the label r modulo 10 and red of the value r. */
function cifarBatch(rows: number): Buffer {
  const batch = Buffer.alloc(rows * 3073);
  for (let row = 0; row < rows; row++) {
    batch[row * 3073] = row % 10;
    batch.fill(row, row * 3073 + 1, row * 3073 + 1025);
  }
  return batch;
}

const cifarArchive = (name = 'cifar-10-batches-bin/data_batch_1.bin', batch = cifarBatch(20)) =>
  gzipSync(
    makeTar([
      { name, data: batch },
      { name: 'cifar-10-batches-bin/test_batch.bin', data: cifarBatch(10) },
    ]),
  );

interface ZipEntry {
  name: string;
  data: Buffer;
  stored?: boolean;
}

/** A zip, header by header, so that tests can write what no tool would. */
function zipOf(entries: readonly ZipEntry[]): Buffer {
  const blocks: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, stored } of entries) {
    const packed = stored ? data : deflateRawSync(data);
    const method = stored ? 0 : 8;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(data.length, 24);
    central.writeUInt16LE(Buffer.byteLength(name), 28);
    central.writeUInt32LE(offset, 42);
    blocks.push(local, Buffer.from(name), packed);
    directory.push(central, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...blocks, ...directory, end]);
}

/** Tiny ImageNet with 120 classes of one picture each. */
async function tinyFiles(): Promise<Record<string, Buffer>> {
  const wnids = Array.from({ length: 120 }, (_, k) => `n${String(k).padStart(8, '0')}`);
  const picture = await jpegOf([10, 200, 30], 64);
  return {
    'wnids.txt': Buffer.from(`${wnids.join('\n')}\n`),
    'words.txt': Buffer.from(wnids.map((wnid, k) => `${wnid}\tanimal ${k}, orange ${k}`).join('\n')),
    'val/val_annotations.txt': Buffer.from(
      wnids.map((wnid, k) => `val_${k}.JPEG\t${wnid}\t0\t0\t1\t1`).join('\n'),
    ),
    ...Object.fromEntries(wnids.map((wnid) => [`train/${wnid}/images/${wnid}_0.JPEG`, picture])),
    ...Object.fromEntries(wnids.map((_, k) => [`val/images/val_${k}.JPEG`, picture])),
  };
}

describe('the command', () => {
  test('lists the data sets and options', async () => {
    const { stdout } = await makeData('--help');
    for (const { name } of dataSets) expect(stdout).toContain(`  ${name} `);
    for (const flag of ['--from PATH', '--out DIR', '--size PIXELS', '--force'])
      expect(stdout).toContain(flag);
  });

  test.each([
    [[], 'Name one data set: cifar10, tiny-imagenet-100, icons, emoji.'],
    [['cifar100'], 'There is no data set cifar100. Did you mean cifar10?'],
    [['cifar10', '--form', 'x'], "Unknown option '--form'."],
    [['cifar10', '--size', '32', '--from', '.'], '--size is for icons'],
    [['cifar10', '--from', 'nowhere.tar.gz'], 'There is no nowhere.tar.gz.\nDownload cifar-10-binary.tar.gz'],
    [
      ['tiny-imagenet-100'],
      'There is no data/downloads/tiny-imagenet-200.zip.\nDownload tiny-imagenet-200.zip',
    ],
  ])('%j is refused with what to do', async (args, text) => {
    expect((await makeData(...args)).stderr).toContain(text);
  });
});

test('scripts/make-data runs from any folder, and fails in a sentence', () => {
  const { stderr, status } = spawnSync(join(ROOT, 'scripts/make-data'), ['cifar100'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stderr).toMatch(/^make-data: There is no data set cifar100\. Did you mean cifar10\? .*\n$/);
  expect(status).toBe(1);
});

describe('cifar10', () => {
  test('comes from the binary archive as its config reads it', async () => {
    put(folder, { 'cifar-10-binary.tar.gz': cifarArchive() });
    const { stdout, stderr } = await makeData('cifar10', '--from', 'cifar-10-binary.tar.gz');
    expect(stdout).toContain('data/cifar10: train, 20 samples');
    expect(stderr).toContain('train should have 50,000 samples');
    expect(readdirSync(at('data/cifar10')).sort()).toEqual([
      'classes.json',
      'dataset.json',
      'test-00000.tar',
      'train-00000.tar',
    ]);
    expect(members(at('data/cifar10/train-00000.tar')).slice(0, 3)).toEqual([
      '000000000.png',
      '000000000.json',
      '000000001.png',
    ]);
    const config = await loadConfig(join(ROOT, 'configs/cifar10.ts'));
    const { classNames } = config.data.train as { classNames: string[] };
    const classes = JSON.parse(readFileSync(at('data/cifar10/classes.json'), 'utf8'));
    expect(classes.map(({ names }: { names: string[] }) => names[0])).toEqual(classNames);
    const dataset = await openDataset([
      {
        type: 'webdataset',
        path: at('data/cifar10/train-00000.tar'),
        classNames: at('data/cifar10/classes.json'),
      },
    ]);
    expect([dataset.size, dataset.hasLabels, dataset.classNames?.[9]]).toEqual([20, true, 'truck']);
    dataset.close();
  });

  test("keeps the archive's pixels and labels", async () => {
    put(folder, { 'c.tar.gz': cifarArchive() });
    await makeData('cifar10', '--from', 'c.tar.gz', '--out', 'out');
    const tar = at('out/train-00000.tar');
    for (const name of members(tar).filter((one) => one.endsWith('.png'))) {
      const facts = JSON.parse(
        execFileSync('tar', ['xOf', tar, name.replace('.png', '.json')], { encoding: 'utf8' }),
      );
      const pixels = await sharp(execFileSync('tar', ['xOf', tar, name]))
        .raw()
        .toBuffer();
      expect([pixels.length, pixels[0]! % 10, pixels[1], pixels[3071]]).toEqual([3072, facts.label, 0, 0]);
    }
  });

  test('comes from a folder of its pictures, byte for byte', async () => {
    const picture = await jpegOf([1, 2, 3], 32);
    put(folder, {
      'pictures/train/cat/0001.jpg': picture,
      'pictures/train/dog/0001.jpg': picture,
      'pictures/test/ship/0001.jpg': picture,
    });
    expect((await makeData('cifar10', '--from', 'pictures', '--out', 'out')).stdout).toContain(
      'train, 2 samples',
    );
    expect(execFileSync('tar', ['xOf', at('out/test-00000.tar'), '000000000.jpg'])).toEqual(picture);
    put(folder, { 'pictures/train/cow/0001.jpg': picture });
    expect((await makeData('cifar10', '--from', 'pictures', '--out', 'more')).stderr).toContain(
      'there is no class cow',
    );
  });

  test('is the same on every run, is not built twice, and replaces nothing that others wrote', async () => {
    put(folder, { 'c.tar.gz': cifarArchive(), 'mine/photo.txt': 'mine' });
    await makeData('cifar10', '--from', 'c.tar.gz', '--out', 'a');
    await makeData('cifar10', '--from', 'c.tar.gz', '--out', 'b');
    expect(bytesOf(at('a'))).toEqual(bytesOf(at('b')));
    expect((await makeData('cifar10', '--out', 'a')).stdout).toContain(
      'a is there already. To build it again: --force.',
    );
    expect((await makeData('cifar10', '--from', 'c.tar.gz', '--out', 'a', '--force')).stdout).toContain(
      '20 samples',
    );
    expect((await makeData('cifar10', '--from', 'c.tar.gz', '--out', 'mine')).stderr).toContain(
      'is left alone',
    );
    expect(readFileSync(at('mine/photo.txt'), 'utf8')).toBe('mine');
  });

  test.each([
    ['../../evil.bin', cifarBatch(1), 'which leaves the archive'],
    ['/etc/evil.bin', cifarBatch(1), 'which leaves the archive'],
    ['cifar-10-batches-bin/data_batch_1.bin', Buffer.alloc(3000), 'no whole samples of 3073'],
    ['cifar-10-batches-bin/data_batch_1.bin', Buffer.alloc(3073, 77), 'has the label 77, expected 0 to 9'],
    ['cifar-10-batches-py/data_batch_1', Buffer.from('pickle'), 'has no train pictures of CIFAR-10'],
  ])('refuses an archive with a bad %s, and leaves what was there', async (name, batch, text) => {
    put(folder, { 'good.tar.gz': cifarArchive(), 'bad.tar.gz': cifarArchive(name, batch) });
    await makeData('cifar10', '--from', 'good.tar.gz', '--out', 'out');
    const before = bytesOf(at('out'));
    const { stderr } = await makeData('cifar10', '--from', 'bad.tar.gz', '--out', 'out', '--force');
    expect(stderr).toContain(text);
    expect(bytesOf(at('out'))).toEqual(before);
    expect(existsSync(at('out.building'))).toBe(false);
  });

  test('refuses an archive that was cut', async () => {
    const whole = cifarArchive();
    writeFileSync(at('cut.tar.gz'), whole.subarray(0, whole.length / 2));
    const { stderr } = await makeData('cifar10', '--from', 'cut.tar.gz');
    expect(stderr).toMatch(/^cut\.tar\.gz could not be read: .*Download it again\.$/m);
    expect(existsSync(at('data/cifar10'))).toBe(false);
  });
});

describe('tiny-imagenet-100', () => {
  const zipped = (files: Record<string, Buffer>, more: ZipEntry[] = []) =>
    zipOf([
      ...Object.entries(files).map(([name, data], k) => ({
        name: `tiny-imagenet-200/${name}`,
        data,
        stored: k % 2 === 0,
      })),
      ...more,
    ]);

  test('comes from the zip and from the unpacked folder, the same', async () => {
    const files = await tinyFiles();
    put(folder, { 'tiny.zip': zipped(files) });
    for (const [name, data] of Object.entries(files)) put(folder, { [`tiny-imagenet-200/${name}`]: data });
    expect((await makeData('tiny-imagenet-100', '--from', 'tiny.zip', '--out', 'a')).stdout).toContain(
      'train, 100 samples',
    );
    await makeData('tiny-imagenet-100', '--from', 'tiny-imagenet-200', '--out', 'b');
    expect(bytesOf(at('a'))).toEqual(bytesOf(at('b')));
  });

  test('has the hundred classes of the least hashes, captions and labels', async () => {
    put(folder, { 'tiny.zip': zipped(await tinyFiles()) });
    await makeData('tiny-imagenet-100', '--from', 'tiny.zip', '--out', 'data/tiny-imagenet-100');
    const classes: { label: number; wnid: string; names: string[] }[] = JSON.parse(
      readFileSync(at('data/tiny-imagenet-100/classes.json'), 'utf8'),
    );
    const hash = (wnid: string) => createHash('sha256').update(`split:${wnid}`).digest('hex');
    const wnids = Array.from({ length: 120 }, (_, k) => `n${String(k).padStart(8, '0')}`);
    const expected = wnids.toSorted((a, b) => (hash(a) < hash(b) ? -1 : 1)).slice(0, 100);
    expect(classes.map(({ wnid }) => wnid)).toEqual(expected.sort());
    const tar = at('data/tiny-imagenet-100/val-00000.tar');
    const facts = JSON.parse(execFileSync('tar', ['xOf', tar, '000000000.json'], { encoding: 'utf8' }));
    expect(execFileSync('tar', ['xOf', tar, '000000000.txt'], { encoding: 'utf8' })).toBe(facts.caption);
    expect(facts.caption).toMatch(/\b(an animal|an orange|the animal|the orange|animal|orange) \d+/);
    expect(facts.caption).not.toMatch(/\ba (animal|orange)/);
    expect(classes[facts.label]!.wnid).toBe(facts.wnid);
    const dataset = await openDataset([
      { type: 'webdataset', path: at('data/tiny-imagenet-100/train-00000.tar') },
      { type: 'webdataset', path: tar },
    ]);
    expect([dataset.size, dataset.hasCaptions]).toEqual([200, true]);
    dataset.close();
  });

  test('refuses paths that leave the zip, missing lists, damage and bombs', async () => {
    const files = await tinyFiles();
    const { 'words.txt': _, ...without } = files;
    const bomb = zipped(files);
    bomb.writeUInt32LE(5, bomb.indexOf('PK\x01\x02', 0, 'latin1') + 24); // says 5 bytes, has more
    const whole = zipped(files);
    put(folder, {
      'leaves.zip': zipped(files, [{ name: '../../outside.txt', data: Buffer.from('x') }]),
      'windows.zip': zipped(files, [{ name: 'C:\\outside.txt', data: Buffer.from('x') }]),
      'lists.zip': zipped(without),
      'cut.zip': whole.subarray(0, whole.length - 500),
      'bomb.zip': bomb,
    });
    const said = async (name: string) => (await makeData('tiny-imagenet-100', '--from', name)).stderr;
    expect(await said('leaves.zip')).toContain('"../../outside.txt", which leaves the archive');
    expect(await said('windows.zip')).toContain('which leaves the archive');
    expect(await said('lists.zip')).toContain('has no words.txt: is it Tiny ImageNet');
    expect(await said('cut.zip')).toContain(
      'cut.zip could not be read: it has no end as a zip has: it was cut. Download',
    );
    expect(await said('bomb.zip')).toContain('does not unpack to its 5 bytes');
    expect(existsSync(at('data'))).toBe(false);
  }, 120_000);
});
