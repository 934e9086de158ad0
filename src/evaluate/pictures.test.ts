import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, expect, it } from 'vitest';
import { makeTar } from '../../tests/data/make.ts';
import { openDataset, type SourceInput } from '../data/index.ts';
import { distinctPictures } from './pictures.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-pictures-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** Bytes that nobody decodes here: `a` and `b` have the same length. */
const [a, b, c] = ['picture a', 'picture b', 'a longer picture c'].map((text) => Buffer.from(text));
for (const [name, bytes] of Object.entries({ a, b, c, 'copy-of-a': a })) {
  mkdirSync(at('i'), { recursive: true });
  writeFileSync(at(`i/${name}.png`), bytes);
}
symlinkSync(at('i/c.png'), at('i/link-to-c.png'));

const distinct = async (...sources: SourceInput[]) => {
  const dataset = await openDataset(sources);
  const { first, of } = distinctPictures(dataset);
  dataset.close();
  return [[...first], [...of]];
};

it('rows of a table: the same path however it is written, a link, a copy; a lost file is a picture of its own', async () => {
  const names = ['a', 'b', './a', 'c', 'link-to-c', '../i/b', 'gone', 'copy-of-a', 'lost', 'gone'];
  writeFileSync(at('t.csv'), ['path,title', ...names.map((name) => `i/${name}.png,words`)].join('\n'));
  expect(await distinct({ type: 'manifest', path: at('t.csv') })).toEqual([
    [0, 1, 3, 6, 8],
    [0, 1, 0, 2, 2, 1, 3, 0, 4, 3],
  ]);
});

it('shards and Parquet: equal bytes', async () => {
  const members = [a, b, a, c].flatMap((data, k) => [
    { name: `${k}.png`, data },
    { name: `${k}.txt`, data: `caption ${k}` },
  ]);
  writeFileSync(at('s.tar'), makeTar(members));
  const shards = { type: 'webdataset', path: at('s.tar') } as const;
  expect(await distinct(shards)).toEqual([
    [0, 1, 3],
    [0, 1, 0, 2],
  ]);
  const columns = [
    {
      name: 'image',
      data: [c, c, a, b, c].map((bytes) => new Uint8Array(bytes)),
      type: 'BYTE_ARRAY' as const,
    },
    { name: 'caption', data: ['1', '2', '3', '4', '5'], type: 'STRING' as const },
  ];
  writeFileSync(at('p.parquet'), new Uint8Array(parquetWriteBuffer({ columnData: columns })));
  const parquet = { type: 'parquet', path: at('p.parquet') } as const;
  expect(await distinct(parquet)).toEqual([
    [0, 2, 3],
    [0, 0, 1, 2, 0],
  ]);
  expect(await distinct(parquet, shards)).toEqual([
    [0, 2, 3],
    [0, 0, 1, 2, 0, 1, 2, 1, 0],
  ]);
});
