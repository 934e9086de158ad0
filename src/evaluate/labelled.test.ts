import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { Reader } from '../data/dataset/reader.ts';
import { openDataset } from '../data/index.ts';
import { drawSample, openPair, type Sources } from './labelled.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-labelled-'));
afterAll(() => rmSync(folder, { recursive: true }));

const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
  .png()
  .toBuffer();

function classes(name: string, counts: Record<string, number>): Sources {
  for (const [label, count] of Object.entries(counts)) {
    mkdirSync(join(folder, name, label), { recursive: true });
    for (let k = 0; k < count; k++) writeFileSync(join(folder, name, label, `${k}.png`), png);
  }
  return { type: 'folder', path: join(folder, name) };
}

function manifest(name: string, labels: readonly string[]): Sources {
  const rows = labels.map((label, k) => `pets/${k % 2 ? 'cat' : 'dog'}/0.png,${label}`);
  writeFileSync(join(folder, name), `${['path,label', ...rows].join('\n')}\n`);
  return { type: 'manifest', path: join(folder, name), labelColumn: 'label' };
}

const pets = classes('pets', { cat: 3, dog: 2 });
const open = (train: Sources, test: Sources) =>
  openPair({ train: { name: '--train', sources: train }, test: { name: '--test', sources: test }, seed: 0 });

it('gives both parts and the number of classes, named or not', async () => {
  const named = await open(pets, classes('more', { cat: 1, dog: 4 }));
  expect([named.train.size, named.test.size, named.classes]).toEqual([5, 5, 2]);
  named.close();
  const numbers = await open(manifest('a.csv', ['0', '1', '0']), manifest('b.csv', ['4', '1']));
  expect(numbers.classes).toBe(3);
  expect(numbers.notes).toEqual([
    '1 of 2 classes of --train have no picture in --test: 0',
    '1 of 2 classes of --test have no picture in --train, and count as misses: 4',
  ]);
  numbers.close();
});

it.each([
  ['the same pictures', () => [pets, pets], /^--train and --test are the same pictures/],
  ['one class', () => [classes('one', { cat: 2 }), pets], /^--train has pictures of one class only \(cat\)/],
  [
    'a class more',
    () => [pets, classes('three', { cat: 1, dog: 1, owl: 1 })],
    /^1 of 3 classes of --test have no picture in --train: owl\.\n--train has cat, dog\./,
  ],
  [
    'another class',
    () => [pets, classes('other', { cow: 1, dog: 1 })],
    /^1 of 2 classes of --test have no picture in --train: cow\./,
  ],
  [
    'no labels',
    () => [pets, { type: 'manifest', path: join(folder, 'a.csv') }],
    /^--test has no labels: use a folder with one folder per class/,
  ],
  [
    'some without a label',
    () => [manifest('some.csv', ['0', '', '1', '']), pets],
    /^--train has no label for 2 of 4 pictures/,
  ],
  [
    'names and numbers',
    () => [pets, manifest('numbers.csv', ['0', '1'])],
    /^--train names its classes \(cat, dog\) and --test has numbers \(0, 1\): which is which is unclear\.\nGive --test classNames/,
  ],
  [
    'numbers and names',
    () => [manifest('numbers.csv', ['0', '1']), pets],
    /^--test names its classes \(cat, dog\) and --train has numbers \(0, 1\)/,
  ],
  [
    'no number in common',
    () => [manifest('low.csv', ['0', '1']), manifest('high.csv', ['2', '3'])],
    /^2 of 2 classes of --test have no picture in --train: 2, 3\.\n--train has 0, 1/,
  ],
] as [string, () => [Sources, Sources], RegExp][])('%s: a sentence says so', async (_, sources, sentence) => {
  await expect(open(...sources())).rejects.toThrow(sentence);
});

it('a sample is drawn by the seed, in index order, with the labels and files of its rows', async () => {
  const many = classes('many', { a: 40, b: 60 });
  const dataset = await openDataset([many, many].flat() as Parameters<typeof openDataset>[0]);
  const names = (part: typeof dataset) => {
    const reader = new Reader(part.index);
    return Array.from({ length: part.size }, (_, id) => reader.name(id));
  };
  const part = drawSample(dataset, { count: 50, seed: 3 });
  expect(part.size).toBe(50);
  const drawn = names(part);
  expect(new Set(names(dataset).filter((name) => drawn.includes(name))).size).toBe(new Set(drawn).size);
  drawn.forEach((name, id) => {
    expect(name).toContain(part.index.columns.label[id] === 0 ? '/a/' : '/b/');
  });
  const starts = part.index.rules.map(({ start }) => start);
  expect(starts[0]).toBe(0);
  expect(starts[1]).toBeGreaterThan(10);
  expect(starts[1]).toBeLessThan(40);
  expect(part.index.columns.label.subarray(0, starts[1]).toSorted()).toEqual(
    part.index.columns.label.subarray(0, starts[1]),
  );
  expect(names(drawSample(dataset, { count: 50, seed: 3 }))).toEqual(drawn);
  expect(names(drawSample(dataset, { count: 50, seed: 4 }))).not.toEqual(drawn);
  expect(drawSample(dataset, { count: 200, seed: 3 })).toBe(dataset);
  dataset.close();
});

const labelsOf = (dataset: { index: { columns: { label: Int32Array } } }) => [...dataset.index.columns.label];

it('classes are matched by name, in whatever order and with underscores or without', async () => {
  const train = classes('ordered', { cat: 1, dog: 1, polar_bear: 1 });
  const test = {
    ...manifest('named.csv', ['polar bear', 'dog', 'cat']),
    classNames: ['polar bear', 'dog', 'cat'],
  };
  const pair = await open(train, test as Sources);
  expect([labelsOf(pair.train), labelsOf(pair.test), pair.classes]).toEqual([[0, 1, 2], [2, 1, 0], 3]);
  expect(pair.notes).toEqual([]);
  pair.close();
  const fewer = await open(train, classes('fewer', { dog: 1, polar_bear: 2 }));
  expect([labelsOf(fewer.test), fewer.classes]).toEqual([[1, 2, 2], 3]);
  expect(fewer.notes).toEqual(['1 of 3 classes of --train have no picture in --test: cat']);
  fewer.close();
});

it('folders with numbers as names are matched by number, also without and with zeros in front', async () => {
  const folders = classes('numbered', Object.fromEntries(Array.from({ length: 12 }, (_, k) => [k, 1])));
  const numbers = Array.from({ length: 12 }, (_, k) => String(k));
  for (const train of [
    folders,
    classes('padded', Object.fromEntries(numbers.map((k) => [k.padStart(3, '0'), 1]))),
  ]) {
    const pair = await open(train, manifest('twelve.csv', numbers));
    const names = pair.train.classNames!.map(Number);
    expect(pair.train.index.columns.label).toEqual(Int32Array.from(names));
    expect(labelsOf(pair.test)).toEqual(numbers.map(Number));
    expect(pair.classes).toBe(12);
    pair.close();
  }
});

it('a name that occurs twice is matched by place in equal lists, and refused in different ones', async () => {
  const named = (name: string, classNames: string[]) =>
    ({ ...manifest(name, ['0', '1', '2']), classNames }) as Sources;
  const list = ['crane', 'dog', 'crane'];
  const pair = await open(named('one.csv', list), named('two.csv', list));
  expect([labelsOf(pair.train), labelsOf(pair.test), pair.classes]).toEqual([[0, 1, 2], [0, 1, 2], 3]);
  pair.close();
  await expect(open(named('one.csv', list), named('two.csv', ['dog', 'crane', 'crane']))).rejects.toThrow(
    /^--train has two classes with the name crane, and the other source lists its classes in another way/,
  );
});

it('large numbers cost no more than small ones', async () => {
  const pair = await open(
    manifest('large.csv', ['2000000000', '5', '2000000000']),
    manifest('large-too.csv', ['5', '2000000000']),
  );
  expect([labelsOf(pair.train), labelsOf(pair.test), pair.classes]).toEqual([[1, 0, 1], [0, 1], 2]);
  pair.close();
});
