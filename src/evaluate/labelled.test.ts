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
  expect(numbers.classes).toBe(5);
  numbers.close();
});

it.each([
  ['the same pictures', () => [pets, pets], /^--train and --test are the same pictures/],
  ['one class', () => [classes('one', { cat: 2 }), pets], /^--train has pictures of one class only \(cat\)/],
  [
    'a class more',
    () => [pets, classes('three', { cat: 1, dog: 1, owl: 1 })],
    /^--train and --test have different classes: class 2 is missing in --train and owl in --test\./,
  ],
  [
    'another class',
    () => [pets, classes('other', { cow: 1, dog: 1 })],
    /class 0 is cat in --train and cow in --test/,
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
