// Damaged sources: a sentence or samples, never another error or a hang. COUPLET_FUZZ=5000 tries that many of each kind.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, test } from 'vitest';
import { jpegOf, makeTar, put, temporaryFolder } from '../../../tests/data/make.ts';
import { CoupletError } from '../../errors.ts';
import { Draws } from '../random.ts';
import { type Dataset, openDataset } from './dataset.ts';
import { describeDataset } from './description.ts';
import { Reader } from './reader.ts';
import type { SourceInput } from './sources/index.ts';

const INPUTS = Number(process.env.COUPLET_FUZZ ?? 30);
const MOST_SECONDS = 20;
const COUNT = 12;

let picture: Buffer;
const folder = temporaryFolder();
const whole: Record<string, Buffer> = {};

beforeAll(async () => {
  picture = await jpegOf([1, 2, 3], 8);
  const samples = Array.from({ length: COUNT }, (_, k) => k);
  put(folder, Object.fromEntries(samples.map((k) => [`${k}.jpg`, picture])));
  const quoted = (k: number) => (k % 3 === 0 ? `"thing ${k}, ""odd"" and\nlong"` : `thing ${k}`);
  whole['a.csv'] = Buffer.from(
    `path,title,c\n${samples.map((k) => `${k}.jpg,${quoted(k)},${k % 4}`).join('\n')}\n`,
  );
  whole['a.tsv'] = Buffer.from(
    `path\ttitle\tc\n${samples.map((k) => `${k}.jpg\tthing ${k}\tdog${k % 4}`).join('\n')}\n`,
  );
  const rows = samples.map((k) => JSON.stringify({ path: `${k}.jpg`, title: [`a ${k}`, 'b'], c: k % 4 }));
  whole['a.jsonl'] = Buffer.from(rows.join('\n'));
  whole['a.tar'] = makeTar(
    samples.flatMap((k) => [
      { name: `${k}.jpg`, data: picture },
      { name: `${k}.txt`, data: `thing ${k}` },
      { name: `${k}.json`, data: JSON.stringify({ label: k % 4, caption: { deep: [k] } }) },
    ]),
  );
  for (const codec of ['UNCOMPRESSED', 'SNAPPY'] as const)
    whole[`${codec}.parquet`] = Buffer.from(
      parquetWriteBuffer({
        codec,
        rowGroupSize: 4,
        columnData: [
          { name: 'image', data: samples.map(() => new Uint8Array(picture)), type: 'BYTE_ARRAY' },
          { name: 'caption', data: samples.map((k) => `thing ${k}`), type: 'STRING' },
          { name: 'label', data: samples.map((k) => k % 4), type: 'INT32' },
        ],
      }),
    );
  whole['classes.json'] = Buffer.from(
    '[{"label":0,"names":["a","b"]},{"label":1,"names":["c"]},{"label":2,"names":["d"]},{"label":3,"names":["e"]}]',
  );
});

const ODD_TEXTS = [
  '"',
  '""',
  '\n',
  '\r',
  ',',
  '\t',
  '\0',
  '\ufeff',
  '\u2028',
  '{',
  '}',
  '[',
  '1e999',
  '-1',
  'null',
  '__proto__',
  '\\ud800',
  'NaN',
];

type Edit = (bytes: Buffer, at: number, draws: Draws) => Buffer;

const overwritten = (bytes: Buffer, at: number, by: Uint8Array): Buffer => {
  const result = Buffer.from(bytes);
  result.set(by.subarray(0, result.length - at), at);
  return result;
};
const lengthOf = (draws: Draws): number => 1 + draws.below(64);

const EDITS: readonly Edit[] = [
  (bytes, at, draws) => overwritten(bytes, at, Uint8Array.of(bytes[at]! ^ (1 << draws.below(8)))),
  (bytes, at, draws) => overwritten(bytes, at, new Uint8Array(lengthOf(draws)).fill(draws.below(256))),
  (bytes, at, draws) => overwritten(bytes, at, new Uint8Array(Uint32Array.of(draws.below(2 ** 32)).buffer)),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, draws) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + lengthOf(draws))]),
  (bytes, at, draws) => Buffer.concat([bytes.subarray(0, at + lengthOf(draws)), bytes.subarray(at)]),
  (bytes, at, draws) =>
    Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(ODD_TEXTS[draws.below(ODD_TEXTS.length)]!),
      bytes.subarray(at),
    ]),
];

/** Flips bits, overwrites, cuts, doubles, or puts odd texts somewhere. */
function damage(bytes: Buffer, draws: Draws): Buffer {
  let result = bytes;
  for (let edit = draws.below(4); edit >= 0 && result.length > 8; edit--)
    result = EDITS[draws.below(EDITS.length)]!(result, draws.below(result.length), draws);
  return result;
}

/** Reads all that a run would read, without decoding. */
async function readAll(dataset: Dataset): Promise<void> {
  const reader = new Reader(dataset.index);
  try {
    for await (const caption of dataset.captions(100)) expect(caption).not.toContain('\0');
    describeDataset(dataset, { captions: dataset.hasCaptions, seed: 0 });
    for (const label of dataset.index.columns.label) expect(label).toBeGreaterThanOrEqual(-1);
  } finally {
    reader.close();
    dataset.close();
  }
}

const sourceOf = (name: string, path: string): SourceInput => {
  if (name.endsWith('.tar')) return { type: 'webdataset', path };
  if (name.endsWith('.parquet')) return { type: 'parquet', path };
  if (name === 'classes.json')
    return { type: 'manifest', path: join(folder, 'good.csv'), labelColumn: 'c', classNames: path };
  return { type: 'manifest', path, labelColumn: 'c' };
};

describe.each([
  'a.csv',
  'a.tsv',
  'a.jsonl',
  'a.tar',
  'UNCOMPRESSED.parquet',
  'SNAPPY.parquet',
  'classes.json',
])('%s, damaged', (name) => {
  test(`${INPUTS} inputs give samples or a sentence`, async () => {
    put(folder, { 'good.csv': whole['a.csv']! });
    const path = join(folder, `damaged-${name}`);
    let opened = 0;
    for (let input = 0; input < INPUTS; input++) {
      const bytes = damage(whole[name]!, new Draws(input, name.length));
      writeFileSync(path, bytes);
      const start = process.cpuUsage();
      try {
        await readAll(await openDataset([sourceOf(name, path)]));
        opened++;
      } catch (error) {
        if (!(error instanceof CoupletError)) {
          writeFileSync(join(folder, `failed-${input}-${name}`), bytes);
          throw new Error(`input ${input} of ${name} (${bytes.length} bytes)`, { cause: error });
        }
      }
      const { user } = process.cpuUsage(start);
      expect(user / 1e6, `seconds of input ${input}`).toBeLessThan(MOST_SECONDS);
    }
    // A small file of names hardly survives.
    if (name !== 'classes.json') expect(opened).toBeGreaterThan(0);
  });
});
