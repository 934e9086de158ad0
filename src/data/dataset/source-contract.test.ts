// What every source makes of odd inputs. A new source adds its layouts here, and inherits all cases.
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jpegOf, makeTar, put, temporaryFolder } from '../../../tests/data/make.ts';
import { CoupletError } from '../../errors.ts';
import { allCaptions, captionOf } from './captions.ts';
import { type Dataset, openDataset } from './dataset.ts';
import { Reader } from './reader.ts';
import { type SourceInput, sources } from './sources/index.ts';

/** A sample. `undefined`: the field is not there. */
interface Sample {
  caption?: unknown;
  label?: unknown;
}

/** How a source stores samples. */
interface Layout {
  /** Which values a caption can have: none, texts, or those of JSON. */
  captions: 'none' | 'texts' | 'values';
  labels: 'texts' | 'values';
  /** Indexing reads captions; members of archives are read in training. */
  indexesCaptions?: boolean;
  /** Bytes stay as they are. */
  bytes?: boolean;
  write(folder: string, samples: readonly Sample[]): SourceInput;
}

let picture: Buffer;
const name = (k: number) => `${String(k).padStart(3, '0')}.jpg`;
const cell = (value: unknown) => (value === undefined || value === null ? '' : String(value));

function table(tab: string, ending: string): Layout {
  const quoted = (text: string) =>
    new RegExp(`["\\n\\r${tab}]`).test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return {
    captions: 'texts',
    labels: 'texts',
    indexesCaptions: true,
    write(folder, samples) {
      const rows = samples.map(({ caption, label }, k) =>
        [name(k), cell(caption), cell(label)].map(quoted).join(tab),
      );
      put(folder, {
        [`a.${ending}`]: `filepath${tab}title${tab}class\n${rows.join('\n')}\n`,
        ...Object.fromEntries(samples.map((_, k) => [name(k), picture])),
      });
      return { type: 'manifest', path: join(folder, `a.${ending}`), labelColumn: 'class' };
    },
  };
}

function parquet(codec: 'UNCOMPRESSED' | 'SNAPPY', type: 'STRING' | 'JSON'): Layout {
  return {
    captions: type === 'JSON' ? 'values' : 'texts',
    labels: 'texts',
    indexesCaptions: true,
    write(folder, samples) {
      const texts = (values: unknown[]) => values.map((value) => (value === undefined ? null : value));
      const captions = texts(samples.map(({ caption }) => caption));
      const columnData = [
        { name: 'image', data: samples.map(() => new Uint8Array(picture)), type: 'BYTE_ARRAY' as const },
        { name: 'text', data: captions, type },
        {
          name: 'label',
          data: samples.map(({ label }) => (label === undefined ? null : cell(label))),
          type: 'STRING' as const,
        },
      ];
      writeFileSync(
        join(folder, 'a.parquet'),
        Buffer.from(parquetWriteBuffer({ codec, rowGroupSize: 3, columnData })),
      );
      return { type: 'parquet', path: join(folder, 'a.parquet') };
    },
  };
}

const layouts: Record<string, Layout> = {
  'folder of classes': {
    captions: 'none',
    labels: 'texts',
    write(folder, samples) {
      put(
        folder,
        Object.fromEntries(samples.map(({ label }, k) => [`c/${cell(label) || 'none'}/${name(k)}`, picture])),
      );
      return { type: 'folder', path: join(folder, 'c') };
    },
  },
  'manifest, .csv': table(',', 'csv'),
  'manifest, .tsv': table('\t', 'tsv'),
  'manifest, .jsonl': {
    captions: 'values',
    labels: 'values',
    indexesCaptions: true,
    write(folder, samples) {
      const rows = samples.map(({ caption, label }, k) =>
        JSON.stringify({ image: name(k), caption, class: label }),
      );
      put(folder, {
        'a.jsonl': `${rows.join('\n')}\n`,
        ...Object.fromEntries(samples.map((_, k) => [name(k), picture])),
      });
      const labelled = samples.some(({ label }) => label !== undefined);
      return { type: 'manifest', path: join(folder, 'a.jsonl'), ...(labelled && { labelColumn: 'class' }) };
    },
  },
  'webdataset, .txt and .cls': {
    captions: 'texts',
    labels: 'texts',
    bytes: true,
    write(folder, samples) {
      const members = samples.flatMap(({ caption, label }, k) => [
        { name: name(k), data: picture },
        ...(caption === undefined ? [] : [{ name: name(k).replace('jpg', 'txt'), data: bytesOf(caption) }]),
        ...(label === undefined ? [] : [{ name: name(k).replace('jpg', 'cls'), data: cell(label) }]),
      ]);
      put(folder, { 'a.tar': makeTar(members) });
      return { type: 'webdataset', path: join(folder, 'a.tar') };
    },
  },
  'webdataset, .json': {
    captions: 'values',
    labels: 'values',
    write(folder, samples) {
      const members = samples.flatMap(({ caption, label }, k) => [
        { name: name(k), data: picture },
        { name: name(k).replace('jpg', 'json'), data: JSON.stringify({ caption, label }) },
      ]);
      put(folder, { 'a.tar': makeTar(members) });
      return { type: 'webdataset', path: join(folder, 'a.tar') };
    },
  },
  'parquet, in place': parquet('UNCOMPRESSED', 'STRING'),
  'parquet, compressed': parquet('SNAPPY', 'STRING'),
  'parquet, JSON': parquet('UNCOMPRESSED', 'JSON'),
};

const bytesOf = (caption: unknown): Uint8Array | string =>
  caption instanceof Uint8Array ? caption : cell(caption);

beforeAll(async () => {
  picture = await jpegOf([1, 2, 3]);
});

test('every source has a layout', () => {
  const folder = temporaryFolder();
  const types = Object.values(layouts).map(
    (layout) => layout.write(folder, [{ caption: 'a', label: 'b' }]).type,
  );
  expect(new Set(types)).toEqual(new Set(sources.map(({ type }) => type)));
});

const opened: Dataset[] = [];
afterAll(() => {
  for (const dataset of opened) dataset.close();
});

async function open(layout: Layout, samples: readonly Sample[], more: object = {}): Promise<Dataset> {
  const source = { ...layout.write(temporaryFolder(), samples), ...more } as SourceInput;
  const dataset = await openDataset([source]);
  opened.push(dataset);
  return dataset;
}

/** Own captions of every sample; a word for one that cannot be read. */
function ownCaptions({ index, size }: Dataset): unknown[] {
  const reader = new Reader(index);
  try {
    return Array.from({ length: size }, (_, id) => {
      try {
        const own = allCaptions(id, reader.captionSource(id));
        return own.length === 1 ? own[0] : own;
      } catch (error) {
        expect((error as Error).name).toBe('UnreadableCaption');
        return 'UNREADABLE';
      }
    });
  } finally {
    reader.close();
  }
}

const plain = { caption: 'plain' };
type Case = [what: string, caption: unknown, right: unknown];

const TEXTS: Case[] = [
  ['letters of many scripts', 'été 日本 🙂 ﷺ', 'été 日本 🙂 ﷺ'],
  ['white space around', '  a red mug\t ', 'a red mug'],
  ['a line separator', 'a\u2028b', 'a\u2028b'],
  ['a line end', 'one\ntwo', 'one\ntwo'],
  ['many lines', 'one\n\ntwo, three\n"four"', 'one\n\ntwo, three\n"four"'],
  ['dollar signs', 'US$& $$ $1', 'US$& $$ $1'],
  ['a quotation mark', 'a 24" screen', 'a 24" screen'],
  ['quotation marks around', '"Fountain"', '"Fountain"'],
  ['a quotation mark at the start', '"Fountain by Duchamp', '"Fountain by Duchamp'],
  ['delimiters', 'a,b;c\td|e', 'a,b;c\td|e'],
  ['backslashes', 'C:\\new\\t', 'C:\\new\\t'],
  ['a number', '1984', '1984'],
  ['a number with a fraction', '3.0', '3.0'],
  ['a number with zeros before it', '007', '007'],
  ['words of other languages for nothing', 'null', 'null'],
  ['not a number', 'NaN', 'NaN'],
  ['a name of JavaScript', '__proto__', '__proto__'],
  ['an entity', '&amp;lt;', '&amp;lt;'],
  ['braces', '{} {0}', '{} {0}'],
  ['U+FFFD in text that is good', 'a\ufffdb', 'a\ufffdb'],
  ['a text of 20,000 letters', 'ab '.repeat(6667).trim(), 'ab '.repeat(6667).trim()],
  ['a NUL', 'a\0b', 'UNREADABLE'],
  ['a blank', '   ', []],
  ['nothing', undefined, []],
];
const VALUES: Case[] = [
  ['a list', ['one', 'two'], ['one', 'two']],
  ['a list with blanks and nothing', [' ', 'two', null], 'two'],
  ['an empty list', [], []],
  ['an object', { raw: 'one' }, 'UNREADABLE'],
  ['a list of objects', [{ raw: 'one' }, { raw: 'two' }], 'UNREADABLE'],
  ['a list of lists', [['one']], 'UNREADABLE'],
  ['a whole number', 1984, '1984'],
  ['a fraction', 3.5, 'UNREADABLE'],
  ['a truth value', true, 'UNREADABLE'],
  ['null', null, []],
];
const BYTES: Case[] = [
  ['Latin-1', Buffer.from('café', 'latin1'), 'UNREADABLE'],
  ['UTF-16 with a byte order mark', Buffer.from('\ufeffcafé', 'utf16le'), 'café'],
  ['UTF-16 without', Buffer.from('café', 'utf16le'), 'UNREADABLE'],
  ['UTF-8 with a byte order mark', '\ufeffcafé', 'café'],
];

const withCaptions = Object.entries(layouts).filter(([, { captions }]) => captions !== 'none');

describe.each(withCaptions)('captions of %s', (_, layout) => {
  const cases = [...TEXTS, ...(layout.captions === 'values' ? VALUES : []), ...(layout.bytes ? BYTES : [])];

  test.each(cases)('%s', async (_what, caption, right) => {
    const dataset = await open(layout, [plain, { caption }, plain, plain]);
    expect(ownCaptions(dataset)).toEqual(['plain', right, 'plain', 'plain']);
    expect([dataset.size, dataset.problems.count, dataset.hasCaptions]).toEqual([4, 0, true]);
    const lacks = right === 'UNREADABLE' || (Array.isArray(right) && right.length === 0);
    if (layout.indexesCaptions) expect(dataset.uncaptioned.count).toBe(lacks ? 1 : 0);
  });

  test('the first samples do not decide', async () => {
    const samples = [...Array.from({ length: 40 }, () => ({})), ...Array.from({ length: 9 }, () => plain)];
    const dataset = await open(layout, samples);
    expect(dataset.hasCaptions).toBe(true);
    expect(ownCaptions(dataset).slice(-9)).toEqual(Array.from({ length: 9 }, () => 'plain'));
  });

  test('without any there are none, and that is no fault of the samples', async () => {
    const dataset = await open(layout, [{}, {}, {}]);
    expect([dataset.size, dataset.hasCaptions, dataset.problems.count]).toEqual([3, false, 0]);
  });

  test.runIf(layout.captions === 'values')('of a list each epoch draws one', async () => {
    const dataset = await open(layout, [{ caption: ['one', 'two', 'three'] }, plain]);
    const reader = new Reader(dataset.index);
    const drawn = Array.from({ length: 60 }, (_, epoch) =>
      captionOf(0, reader.captionSource(0), { seed: 1, epoch }),
    );
    reader.close();
    expect(new Set(drawn)).toEqual(new Set(['one', 'two', 'three']));
  });
});

type LabelCase = [what: string, labels: unknown[], right: number[], names?: string[], unlabelled?: number];

const LABEL_TEXTS: LabelCase[] = [
  ['numbers', ['3', '0', '10'], [3, 0, 10]],
  ['words, sorted', ['dog', 'cat', 'dog', 'ant'], [2, 1, 2, 0], ['ant', 'cat', 'dog']],
  ['words with underscores', ['polar_bear', 'ant'], [1, 0], ['ant', 'polar bear']],
  ['the largest number', ['2147483647', '5'], [2147483647, 5]],
  [
    'numbers that are too large',
    ['2147483648', '5', '4294967301', '99999999999999999999'],
    [-1, 5, -1, -1],
    undefined,
    3,
  ],
  ['negative numbers', ['-2', '5'], [-1, 5], undefined, 1],
  ['-1, which is no label', ['-1', '5', '-1'], [-1, 5, -1]],
  ['whole numbers as pandas writes them', ['3.0', '0.0', '10.0'], [3, 0, 10]],
  ['gaps', ['', '5', undefined as never], [-1, 5, -1]],
  ['nan', ['nan', '5'], [-1, 5]],
  ['zeros before a number', ['007', '7'], [0, 1], ['007', '7']],
  ['dollar signs', ['a$$ap', 'US$&'], [1, 0], ['US$&', 'a$$ap']],
];
const LABEL_VALUES: LabelCase[] = [
  ['numbers', [3, 0, 10], [3, 0, 10]],
  ['-1, which is no label', [-1, 5, -1], [-1, 5, -1]],
  ['fractions', [3.5, 5], [-1, 5], undefined, 1],
  ['lists, objects and truth values', [[1], { a: 1 }, true, 5], [-1, -1, -1, 5], undefined, 3],
  ['null', [null, 5], [-1, 5]],
  ['numbers that are too large', [2 ** 31, 2 ** 53 + 2, 5], [-1, -1, 5], undefined, 2],
];
const withLabels = Object.entries(layouts).filter(([, { captions }]) => captions !== 'none');

describe.each(withLabels)('labels of %s', (_, layout) => {
  const cases = [...LABEL_TEXTS, ...(layout.labels === 'values' ? LABEL_VALUES : [])];

  test.each(cases)('%s', async (_what, labels, right, names, unlabelled = 0) => {
    const dataset = await open(
      layout,
      labels.map((label) => ({ caption: 'plain', label })),
    );
    expect([...dataset.index.columns.label]).toEqual(right);
    expect(dataset.classNames).toEqual(names);
    expect([dataset.problems.count, dataset.unlabelled.count]).toEqual([0, unlabelled]);
  });

  test('with class names a label is one of them, or its number; others cost the label alone', async () => {
    const labels = ['cat', '1', '2', 'cow', '0', undefined];
    const samples = labels.map((label) => ({ caption: 'plain', label }));
    const dataset = await open(layout, samples, { classNames: ['dog', 'cat'] });
    expect([...dataset.index.columns.label]).toEqual([1, 1, -1, -1, 0, -1]);
    expect([dataset.size, dataset.problems.count, dataset.unlabelled.count]).toEqual([6, 0, 2]);
    expect(dataset.unlabelled.first.map(({ reason }) => reason)).toEqual([
      'label 2 is not one of the class names',
      'label cow is not one of the class names',
    ]);
  });

  test('a name of two classes is no label', async () => {
    const samples = ['crane', 'dog'].map((label) => ({ caption: 'plain', label }));
    const dataset = await open(layout, samples, { classNames: ['crane', 'dog', 'crane'] });
    expect([...dataset.index.columns.label]).toEqual([-1, 1]);
  });

  test('words make captions, numbers do not', async () => {
    const words = await open(layout, [{ label: 'a_cat' }, { label: 'dog' }]);
    expect([words.hasCaptions, words.uncaptioned.count]).toEqual([true, 0]);
    for (const labels of [
      ['0', '1'],
      ['2023', '2024'],
      ['007', '008'],
    ])
      expect(
        (
          await open(
            layout,
            labels.map((label) => ({ label })),
          )
        ).hasCaptions,
      ).toBe(false);
  });
});

describe('a folder of classes', () => {
  const layout = layouts['folder of classes']!;
  test('names are classes; names of numbers make no captions without templates', async () => {
    const words = await open(layout, [{ label: 'US$&' }, { label: 'a_cat' }]);
    expect([words.classNames, words.hasCaptions]).toEqual([['US$&', 'a cat'], true]);
    expect((await open(layout, [{ label: '2023' }, { label: '2024' }])).hasCaptions).toBe(false);
    const templates = { templates: ['the digit {}'] };
    expect((await open(layout, [{ label: '0' }, { label: '1' }], templates)).hasCaptions).toBe(true);
  });

  test('what systems put beside pictures is no picture and no class', async () => {
    const folder = temporaryFolder();
    put(folder, {
      'cat/1.jpg': picture,
      'cat/._1.jpg': 'x',
      'cat/.hidden.jpg': picture,
      'cat/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg': picture,
      'cat/.ipynb_checkpoints/1-checkpoint.jpg': picture,
      'dog/2.jpg': picture,
      'dog/3.heic': 'x',
      'dog/4.HEIC': 'x',
      'dog/notes.txt': 'x',
      '__MACOSX/cat/._1.jpg': 'x',
    });
    const dataset = await openDataset([{ type: 'folder', path: folder }]);
    expect([dataset.size, dataset.classNames]).toEqual([2, ['cat', 'dog']]);
    expect(dataset.leftOut.map(({ kind, count }) => [kind, count])).toEqual([
      ['.heic', 2],
      ['.txt', 1],
    ]);
  });

  test('links in circles are followed once; links to other folders are', async () => {
    const folder = temporaryFolder();
    put(folder, { 'c/a/1.jpg': picture, 'c/b/2.jpg': picture, 'other/3.jpg': picture });
    symlinkSync('..', join(folder, 'c/a/up'));
    symlinkSync('.', join(folder, 'c/b/self'));
    symlinkSync('loop', join(folder, 'c/b/loop'));
    symlinkSync('nowhere', join(folder, 'c/b/gone'));
    symlinkSync(join(folder, 'other'), join(folder, 'c/b/more'));
    const dataset = await openDataset([{ type: 'folder', path: join(folder, 'c') }]);
    expect([dataset.size, dataset.problems.count]).toEqual([3, 0]);
    expect(dataset.leftOut.find(({ kind }) => kind.includes('a folder that it is in'))?.count).toBe(2);
  });
});

describe.each([
  ['webdataset', '.tar'],
  ['parquet', '.parquet'],
] as const)('several files of %s', (type, ending) => {
  const layout = layouts[type === 'parquet' ? 'parquet, in place' : 'webdataset, .txt and .cls']!;

  async function files(count: number): Promise<string> {
    const folder = temporaryFolder();
    for (let k = 0; k < count; k++) {
      const samples = Array.from({ length: 10 }, () => plain);
      const { path } = layout.write(temporaryFolder(), samples);
      const { readFileSync } = await import('node:fs');
      put(folder, { [`p${k}${ending}`]: readFileSync(path as string) });
    }
    return folder;
  }

  test('a missing one counts as many samples as the others have', async () => {
    const folder = await files(3);
    const dataset = await openDataset([{ type, path: join(folder, `p{0..5}${ending}`) }]);
    expect([dataset.size, dataset.problems.count]).toEqual([30, 30]);
    expect(dataset.problems.first[0]).toEqual({
      name: join(folder, `p3${ending}`),
      reason: 'there is no such file',
      samples: 10,
    });
  });

  test('a damaged one counts as the samples that it lost', async () => {
    const folder = await files(3);
    put(folder, { [`p1${ending}`]: 'this is a page that says 404' });
    const dataset = await openDataset([{ type, path: join(folder, `p{0..2}${ending}`) }]);
    expect([dataset.size, dataset.problems.count]).toEqual([20, 10]);
  });

  test('a folder stands for its files; a folder without any is refused', async () => {
    const folder = await files(2);
    put(folder, { [`._p0${ending}`]: 'x', 'notes.txt': '' });
    expect((await openDataset([{ type, path: folder }])).size).toBe(20);
    await expect(openDataset([{ type, path: temporaryFolder() }])).rejects.toThrow(
      /is a folder without .*000\.\.012/,
    );
  });

  test.each([
    ['a bomb of digits', `{000000000..999999999}${ending}`],
    ['a bomb of letters', `${'{a,b}'.repeat(40)}${ending}`],
    ['an address', `s3://bucket/{000..012}${ending}`],
    ['a NUL', `a\0b${ending}`],
    ['a name that is too long', `${'a'.repeat(5000)}${ending}`],
  ])('%s is refused at once', async (_, pattern) => {
    await expect(openDataset([{ type, path: pattern }])).rejects.toThrow(CoupletError);
  });
});

test('a shard with a key twice has both samples', async () => {
  const folder = temporaryFolder();
  const other = await jpegOf([200, 2, 3]);
  put(folder, {
    'a.tar': makeTar([
      { name: 'a.jpg', data: picture },
      { name: 'a.txt', data: 'first' },
      { name: 'a.jpg', data: other },
      { name: 'a.txt', data: 'second' },
      { name: '__MACOSX/._a.jpg', data: 'x' },
      { name: '._a.jpg', data: 'x' },
    ]),
  });
  const dataset = await openDataset([{ type: 'webdataset', path: join(folder, 'a.tar') }]);
  expect(ownCaptions(dataset)).toEqual(['first', 'second']);
  const reader = new Reader(dataset.index);
  expect([reader.image(0), reader.image(1)].map((bytes) => Buffer.from(bytes))).toEqual([picture, other]);
  reader.close();
});

test('rows of Parquet that a damaged page holds are lost, and the others are not', async () => {
  const folder = temporaryFolder();
  const { path } = layouts['parquet, in place']!.write(
    folder,
    Array.from({ length: 30 }, (_, k) => ({ caption: `caption ${k}` })),
  );
  const { readFileSync } = await import('node:fs');
  const bytes = readFileSync(path as string);
  const at = bytes.indexOf('caption 12') - 40;
  bytes.fill(0xff, at, at + 36);
  writeFileSync(path as string, bytes);
  const dataset = await openDataset([{ type: 'parquet', path: path as string }]);
  expect(dataset.size + dataset.problems.count).toBe(30);
  expect(dataset.problems.count).toBe(3);
});

test.each([
  ['an object', '{"image":{"toString":"x"},"caption":"a"}'],
  ['a number', '{"image":7,"caption":"a"}'],
  ['a list', '{"image":["000.jpg"],"caption":"a"}'],
  ['nothing', '{"caption":"a"}'],
  ['no object', '[1]'],
  ['no JSON', '{"image":'],
])('a row of JSON whose path is %s is one bad sample', async (_, row) => {
  const folder = temporaryFolder();
  put(folder, {
    'a.jsonl': `\ufeff{"image":"0.jpg","caption":"b"}\n${row}\n{"image":"0.jpg","caption":"c"}`,
    '0.jpg': picture,
  });
  const dataset = await openDataset([{ type: 'manifest', path: join(folder, 'a.jsonl') }]);
  expect([dataset.size, dataset.problems.count]).toEqual([2, 1]);
  expect(ownCaptions(dataset)).toEqual(['b', 'c']);
});
