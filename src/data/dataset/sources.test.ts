import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { colourOf, jpegOf, makeShard, makeTar, put, temporaryFolder } from '../../../tests/data/make.ts';
import { CoupletError } from '../../errors.ts';
import { type Dataset, openDataset } from './dataset.ts';
import { IndexWriter } from './index-writer.ts';
import { Reader } from './reader.ts';
import { indexFiles } from './source.ts';
import { type SourceInput, sources } from './sources/index.ts';

async function captionsOf(dataset: Dataset, limit?: number): Promise<string[]> {
  const captions: string[] = [];
  for await (const caption of dataset.captions(limit)) captions.push(caption);
  return captions;
}

function labelsOf(dataset: Dataset): number[] {
  return [...dataset.index.columns.label];
}

function imagesOf(dataset: Dataset): Buffer[] {
  const reader = new Reader(dataset.index);
  const images = Array.from({ length: dataset.size }, (_, id) => Buffer.from(reader.image(id)));
  reader.close();
  return images;
}

const open = (source: SourceInput) => openDataset([source]);

describe.each([...sources])('every source: $type', ({ type, schema }) => {
  test('each option has a description', () => {
    for (const [key, option] of Object.entries<z.ZodType>(schema.shape))
      expect(option.description, key).toBeTruthy();
  });

  test('a misspelled option and a path that is not there are refused, under the key of the config', async () => {
    const misspelled = { type, path: 'a', templtes: ['a {}'] } as unknown as SourceInput;
    await expect(openDataset([misspelled], { key: 'data.train' })).rejects.toThrow(
      /^data\.train: .*templtes/,
    );
    const missing = openDataset([{ type, path: 'not/there' }], { key: 'data.train' });
    await expect(missing).rejects.toThrow(CoupletError);
    await expect(missing).rejects.toThrow(
      /^data\.train: there is no (file|folder) `not\/there` in .*\. Paths are relative to where the command runs\.$/,
    );
  });
});

test.each([
  ['plain.tar', ['plain.tar']],
  ['{008..011}.tar', ['008.tar', '009.tar', '010.tar', '011.tar']],
  ['{8..11}', ['8', '9', '10', '11']],
  ['{2..0}', ['2', '1', '0']],
  ['a{x,y}b{0..1}', ['axb0', 'axb1', 'ayb0', 'ayb1']],
  ['{a,b{1..2}}', ['a', 'b1', 'b2']],
  ['{,x}y', ['y', 'xy']],
  ['un{closed', ['un{closed']],
  ['not{a}list', ['not{a}list']],
])('the pattern %s', async (pattern, expected) => {
  const folder = temporaryFolder();
  put(folder, Object.fromEntries(expected.map((name) => [name, ''])));
  const writer = new IndexWriter(() => folder);
  const paths: string[] = [];
  await indexFiles(join(folder, pattern), { writer, ending: '.tar' }, (path) => void paths.push(path));
  expect(paths).toEqual(expected.map((name) => join(folder, name)));
  expect(writer.problems.count).toBe(0);
});

test('a pattern of more than 100,000 long names is not cut', async () => {
  const folder = temporaryFolder();
  put(folder, { 'shard-of-a-data-set-with-a-long-name-100000.tar': '' });
  const writer = new IndexWriter(() => folder);
  const pattern = join(folder, 'shard-of-a-data-set-with-a-long-name-{000000..100000}.tar');
  await indexFiles(pattern, { writer, ending: '.tar' }, () => {});
  expect(writer.problems.count).toBe(100_000);
});

describe('folder', () => {
  test('classes are sorted, captions are templates with the class name', async () => {
    const folder = temporaryFolder();
    const jpeg = await jpegOf([1, 2, 3]);
    put(folder, {
      'polar_bear/2.jpg': jpeg,
      'polar_bear/10.PNG': jpeg,
      'ant/x/y.jpeg': jpeg,
      'ant/notes.txt': 'no',
      '.git/a.jpg': jpeg,
    });
    const dataset = await open({ type: 'folder', path: folder, templates: ['art of a {}.'] });
    expect(dataset.classNames).toEqual(['ant', 'polar bear']);
    expect(labelsOf(dataset)).toEqual([0, 1, 1]);
    expect(await captionsOf(dataset)).toEqual([
      'art of a ant.',
      'art of a polar bear.',
      'art of a polar bear.',
    ]);
    expect(imagesOf(dataset)).toEqual([jpeg, jpeg, jpeg]);
    expect([dataset.hasCaptions, dataset.hasLabels, dataset.problems.count]).toEqual([true, true, 0]);
  });

  test('pictures without classes: those beside each other, and any below when sub-folders are none', async () => {
    const folder = temporaryFolder();
    const picture = await jpegOf([1, 2, 3]);
    put(folder, { 'b.jpg': picture, 'a.jpg': picture, 'notes.txt': '' });
    const plain = await open({ type: 'folder', path: folder });
    expect([plain.size, plain.hasLabels, plain.hasCaptions]).toEqual([2, false, false]);
    put(folder, { '2024/trip/c.jpg': picture });
    await expect(open({ type: 'folder', path: folder })).rejects.toThrow(/pictures beside its 1 sub-folders/);
    expect((await open({ type: 'folder', path: folder, labelled: true })).size).toBe(1);
    expect((await open({ type: 'folder', path: folder, labelled: false })).size).toBe(3);
  });

  test('no classes, no images, no folder: says what was expected', async () => {
    const folder = temporaryFolder();
    await expect(open({ type: 'folder', path: folder, labelled: true })).rejects.toThrow(
      /one sub-folder per class/,
    );
    await expect(open({ type: 'folder', path: folder, templates: ['a {}'] })).rejects.toThrow(
      /templates make captions/,
    );
    await expect(open({ type: 'folder', path: folder })).rejects.toThrow(/no sample found/);
    await expect(open({ type: 'folder', path: join(folder, 'no') })).rejects.toThrow(
      /^data: there is no folder `.*no`\.$/,
    );
    put(folder, { 'cat/a.txt': '' });
    await expect(open({ type: 'folder', path: folder })).rejects.toThrow(
      /no sample found in folder .*expected images/,
    );
  });
});

describe('manifest', () => {
  test.each([
    ['a.csv', 'filepath,title\ni/0.jpg,"a, ""b"""\ni/1.jpg,日本\n'],
    ['a.tsv', '\ufefftitle\tfilepath\na, "b"\ti/0.jpg\n日本\ti/1.jpg\n'],
    ['a.jsonl', '{"image":"i/0.jpg","text":"a, \\"b\\""}\n\n{"image":"i/1.jpg","text":"日本"}\n'],
  ])('%s', async (name, text) => {
    const folder = temporaryFolder();
    const images = [await jpegOf(colourOf(0)), await jpegOf(colourOf(1))];
    put(folder, { [name]: text, 'i/0.jpg': images[0]!, 'i/1.jpg': images[1]! });
    const dataset = await open({ type: 'manifest', path: join(folder, name) });
    expect(await captionsOf(dataset)).toEqual(['a, "b"', '日本']);
    expect(imagesOf(dataset)).toEqual(images);
    expect([dataset.hasLabels, dataset.classNames]).toEqual([false, undefined]);
  });

  test('labels by name are sorted into classes; numbers stay numbers', async () => {
    const folder = temporaryFolder();
    put(folder, {
      'a.jpg': '',
      'n.csv': 'path,c\na.jpg,dog\na.jpg,cat\na.jpg,dog\n',
      'k.csv': 'path,c\na.jpg,7\na.jpg,2\n',
    });
    const named = await open({ type: 'manifest', path: join(folder, 'n.csv'), labelColumn: 'c' });
    expect([named.classNames, labelsOf(named)]).toEqual([
      ['cat', 'dog'],
      [1, 0, 1],
    ]);
    const numbered = await open({ type: 'manifest', path: join(folder, 'k.csv'), labelColumn: 'c' });
    expect([numbered.classNames, labelsOf(numbered), numbered.hasCaptions]).toEqual([
      undefined,
      [7, 2],
      false,
    ]);
    const given = await open({
      type: 'manifest',
      path: join(folder, 'n.csv'),
      labelColumn: 'c',
      classNames: ['dog', 'fox'],
    });
    expect(labelsOf(given)).toEqual([0, -1, 0]);
    expect(given.problems.count).toBe(0);
    expect(given.unlabelled.first).toEqual([
      { name: `${join(folder, 'n.csv')}: line 3`, reason: 'label cat is not one of the class names' },
    ]);
  });

  test('a wrong column or root is refused with the columns that exist and the option to set', async () => {
    const folder = temporaryFolder();
    put(folder, { 'a.csv': 'file,words\nx.jpg,hello\n', 'b.csv': 'path,title\nx.jpg,hello\n', 'c.txt': '' });
    const path = join(folder, 'a.csv');
    await expect(open({ type: 'manifest', path })).rejects.toThrow(/found file, words\. Set imageColumn/);
    await expect(
      open({ type: 'manifest', path, imageColumn: 'file', captionColumn: 'word' }),
    ).rejects.toThrow(/expected column word, found file, words\. Set captionColumn/);
    await expect(open({ type: 'manifest', path: join(folder, 'b.csv') })).rejects.toThrow(
      /none of 1 pictures of [\s\S]*set root/,
    );
    await expect(open({ type: 'manifest', path: join(folder, 'c.txt') })).rejects.toThrow(
      /ends in .csv, .tsv or .jsonl/,
    );
  });
});

describe('webdataset', () => {
  test('braces, txt before json, cls, dotted extensions', async () => {
    const folder = temporaryFolder();
    const jpeg = await jpegOf([9, 9, 9]);
    const entries = [
      { name: 'd.x/a.jpg', data: jpeg },
      { name: 'd.x/a.txt', data: ' from txt \n' },
      { name: 'd.x/a.json', data: '{"caption":"from json","label":1}' },
      { name: 'd.x/b.seg.png', data: 'mask' },
      { name: 'd.x/b.json', data: '{"caption":"from json","label":"dog"}' },
      { name: 'd.x/b.webp', data: jpeg },
      { name: 'c.jpg', data: jpeg },
      { name: 'c.cls', data: '0' },
    ];
    writeFileSync(join(folder, 's-00.tar'), makeTar(entries));
    writeFileSync(join(folder, 's-01.tar'), await makeShard(5, 2));
    const dataset = await open({
      type: 'webdataset',
      path: join(folder, 's-{00..01}.tar'),
      classNames: ['cat', 'dog'],
    });
    expect(await captionsOf(dataset)).toEqual([
      'from txt',
      'from json',
      'a photo of a cat.',
      'caption 5',
      'caption 6',
    ]);
    expect(labelsOf(dataset)).toEqual([1, 1, 0, -1, -1]);
    expect(imagesOf(dataset)).toEqual([
      jpeg,
      jpeg,
      jpeg,
      await jpegOf(colourOf(5)),
      await jpegOf(colourOf(6)),
    ]);
    expect(await captionsOf(dataset, 2)).toHaveLength(2);
  });

  test('class names from a file, with synonyms', async () => {
    const folder = temporaryFolder();
    const data = await jpegOf([9, 9, 9]);
    const entries = [0, 1, 2].flatMap((k) => [
      { name: `${k}.jpg`, data },
      { name: `${k}.json`, data: `{"label":${k}}` },
    ]);
    put(folder, {
      'a.tar': makeTar(entries),
      'c.json': '[{"label":1,"names":["car","auto"]},{"label":0,"names":["boat"]}]',
      'bad.json': '[{"label":1,"names":["car"]}]',
    });
    const path = join(folder, 'a.tar');
    const dataset = await open({ type: 'webdataset', path, classNames: join(folder, 'c.json') });
    expect(dataset.classNames).toEqual(['boat', 'car']);
    expect(labelsOf(dataset)).toEqual([0, 1, -1]);
    expect(dataset.unlabelled.first[0]!.reason).toBe('label 2 is not one of the class names');
    await expect(open({ type: 'webdataset', path, classNames: join(folder, 'bad.json') })).rejects.toThrow(
      /one of label 1: expected each label from 0 on once/,
    );
  });

  test('a cut shard gives the samples before the cut; samples without images are counted', async () => {
    const folder = temporaryFolder();
    const [cut, odd] = [join(folder, 'cut.tar'), join(folder, 'odd.tar')];
    writeFileSync(cut, await makeShard(0, 4));
    truncateSync(cut, Math.floor(readFileSync(cut).length * 0.6));
    writeFileSync(
      odd,
      makeTar([
        { name: 'lonely.txt', data: 'no image' },
        { name: 'k.jpg', data: await jpegOf([1, 1, 1]) },
      ]),
    );
    const dataset = await open({ type: 'webdataset', path: [cut, odd, join(folder, '{cut,gone}.tar')] });
    expect(await captionsOf(dataset)).toEqual(['caption 0', 'caption 1', 'caption 0', 'caption 1']);
    expect(dataset.size).toBe(5);
    expect(dataset.problems.count).toBe(5); // a whole shard has two: one of each cut one, two of the missing one
    expect(dataset.problems.first.map(({ reason }) => reason.split(':')[0])).toEqual([
      'a sample without an image (jpg, jpeg, png or webp)',
      'there is no such file',
      expect.stringMatching(/^cut in the middle of/),
    ]);
  });

  test('a pattern that matches nothing and a compressed shard are refused', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x-{00..99}.tar');
    await expect(open({ type: 'webdataset', path })).rejects.toThrow(
      /matches no file\. The first of the 100 .*x-00\.tar.*number of digits/,
    );
    put(folder, { 'z.tar': Uint8Array.of(0x1f, 0x8b, 0, 0) });
    await expect(open({ type: 'webdataset', path: join(folder, 'z.tar') })).rejects.toThrow(
      /compressed.*gunzip/,
    );
  });
});

describe('parquet', () => {
  const hf = (names: string[]) => ({
    key: 'huggingface',
    value: JSON.stringify({ info: { features: { label: { names } } } }),
  });

  async function write(path: string, codec: 'UNCOMPRESSED' | 'SNAPPY'): Promise<Buffer[]> {
    const images = await Promise.all([0, 1, 2].map((k) => jpegOf(colourOf(k))));
    const buffer = parquetWriteBuffer({
      codec,
      rowGroupSize: 2,
      schema: [
        { name: 'root', num_children: 3 },
        { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
        { name: 'bytes', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY' },
        { name: 'path', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
        { name: 'text', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
        { name: 'label', repetition_type: 'OPTIONAL', type: 'INT64' },
      ],
      kvMetadata: [hf(['a_cat', 'dog'])],
      columnData: [
        { name: 'image', data: images.map((bytes) => ({ bytes: new Uint8Array(bytes), path: 'x.jpg' })) },
        { name: 'text', data: ['été', null, 'three'] },
        { name: 'label', data: [1n, 0n, 1n] },
      ],
    });
    writeFileSync(path, Buffer.from(buffer));
    return images;
  }

  test.each(['UNCOMPRESSED', 'SNAPPY'] as const)(
    'struct<bytes, path>, %s: images, captions, labels and class names',
    async (codec) => {
      const folder = temporaryFolder();
      const path = join(folder, 'a.parquet');
      const images = await write(path, codec);
      const dataset = await openDataset([{ type: 'parquet', path }], { spoolFolder: folder });
      expect(imagesOf(dataset)).toEqual(images);
      expect(await captionsOf(dataset)).toEqual(['été', 'a photo of a a cat.', 'three']);
      expect([dataset.classNames, labelsOf(dataset)]).toEqual([
        ['a cat', 'dog'],
        [1, 0, 1],
      ]);
      expect(dataset.index.containers[0] === path).toBe(codec === 'UNCOMPRESSED');
      dataset.close();
      if (codec === 'SNAPPY') expect(() => imagesOf(dataset)).toThrow(/ENOENT/);
    },
  );

  test('plain bytes, and a row without bytes is counted', async () => {
    const path = join(temporaryFolder(), 'a.parquet');
    const jpeg = await jpegOf([5, 5, 5]);
    const data = [new Uint8Array(jpeg), new Uint8Array(0)];
    writeFileSync(
      path,
      Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'img', data, type: 'BYTE_ARRAY' }] })),
    );
    const dataset = await open({ type: 'parquet', path });
    expect(imagesOf(dataset)).toEqual([jpeg]);
    expect(dataset.problems.first).toEqual([
      { name: `${path}: row 1`, reason: 'no image bytes in column img' },
    ]);
    expect(dataset.hasCaptions).toBe(false);
  });

  test('no image column, or a cut file: says what there is and what to set', async () => {
    const path = join(temporaryFolder(), 'a.parquet');
    writeFileSync(
      path,
      Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'url', data: ['x'] },
            { name: 'n', data: [1] },
          ],
        }),
      ),
    );
    await expect(open({ type: 'parquet', path })).rejects.toThrow(/found url, n\. Set imageColumn/);
    truncateSync(path, 60);
    await expect(open({ type: 'parquet', path })).rejects.toThrow(/could not be opened.*was cut/);
  });
});

describe('joined sources', () => {
  test('ids follow one another; each source keeps its own templates', async () => {
    const folder = temporaryFolder();
    const jpeg = await jpegOf([1, 2, 3]);
    put(folder, { 'f/cat/1.jpg': jpeg, 'f/dog/2.jpg': jpeg, 'm.csv': 'path,c\nf/dog/2.jpg,dog\n' });
    const dataset = await openDataset([
      { type: 'folder', path: join(folder, 'f') },
      {
        type: 'manifest',
        path: join(folder, 'm.csv'),
        labelColumn: 'c',
        classNames: ['cat', 'dog'],
        templates: ['my {}'],
      },
    ]);
    expect(await captionsOf(dataset)).toEqual(['a photo of a cat.', 'a photo of a dog.', 'my dog']);
    expect(labelsOf(dataset)).toEqual([0, 1, 1]);
  });

  test('sources that disagree on classes are refused', async () => {
    const folder = temporaryFolder();
    put(folder, { 'a/cat/1.jpg': '', 'a/dog/1.jpg': '', 'b/cat/1.jpg': '', 'b/fox/1.jpg': '' });
    const sources = ['a', 'b'].map((name) => ({ type: 'folder' as const, path: join(folder, name) }));
    await expect(openDataset(sources)).rejects.toThrow(/Label 1 is dog in folder .* and fox in/);
  });

  test('names and numbers are refused, unless captions make labels needless: then labels are lost', async () => {
    const folder = temporaryFolder();
    put(folder, {
      'a/cat/1.jpg': '',
      'a/dog/1.jpg': '',
      'n.csv': 'path,c\na/cat/1.jpg,0\na/dog/1.jpg,1\n',
      'own.csv': 'path,title,c\na/cat/1.jpg,one,cat\n',
      'other.csv': 'path,title,c\na/dog/1.jpg,two,0\n',
    });
    const table = (name: string) => ({
      type: 'manifest' as const,
      path: join(folder, name),
      labelColumn: 'c',
    });
    const named = { type: 'folder' as const, path: join(folder, 'a') };
    await expect(openDataset([named, table('n.csv')])).rejects.toThrow(
      /a names them, and manifest .* has numbers/,
    );
    const captioned = await openDataset([table('own.csv'), table('other.csv')]);
    expect([labelsOf(captioned), captioned.unlabelled.count, captioned.problems.count]).toEqual([
      [-1, -1],
      2,
      0,
    ]);
    expect(await captionsOf(captioned)).toEqual(['one', 'two']);
  });

  test('a misspelled key is named', async () => {
    const source = { type: 'folder', path: '.', template: ['a {}'] } as unknown as SourceInput;
    await expect(openDataset([source])).rejects.toThrow(CoupletError);
    await expect(openDataset([source])).rejects.toThrow(/template/);
    await expect(openDataset([{ type: 'folder', path: '.', templates: ['no place'] }])).rejects.toThrow(
      /holds \{\}/,
    );
  });
});
