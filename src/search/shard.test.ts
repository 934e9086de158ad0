import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { npyHeader, readNpyHeader } from '../io/npy.ts';
import { NpyRows } from '../io/npy-rows.ts';
import { halves } from '../onnx/half.ts';
import { openShards } from './shards.ts';

const folder = temporaryFolder();

/** Numbers in [-1, 1) that depend on the seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function unit(values: number[]): number[] {
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

type Dtype = 'float16' | 'float32';

async function write(name: string, rows: number[][], dtype: Dtype) {
  const path = join(folder, name);
  const numbers = rows.flat();
  const data = dtype === 'float16' ? halves(numbers) : Float32Array.from(numbers);
  const header = npyHeader(dtype, [rows.length, rows[0]!.length]);
  writeFileSync(path, Buffer.concat([header, new Uint8Array(data.buffer)]));
  return { path, header: await readNpyHeader(path) };
}

/** The k best of all rows as they stand in the file, by a loop in float64. */
function naive({ path, header }: Awaited<ReturnType<typeof write>>, query: number[], k: number) {
  const file = new NpyRows(path, header);
  const row = new Float32Array(query.length);
  const all = Array.from({ length: header.shape[0]! }, (_, index) => {
    file.read(index, row);
    let score = 0;
    for (let i = 0; i < query.length; i++) score += query[i]! * row[i]!;
    return { row: index, score };
  });
  file.close();
  return all.sort((a, b) => b.score - a.score || a.row - b.row).slice(0, k);
}

describe.each<Dtype>(['float16', 'float32'])('%s', (dtype) => {
  it.each([
    ['random unit rows', 700, 40, 1],
    ['a width of one', 50, 1, 2],
    ['a width of the kernel', 300, 32, 3],
    ['one row', 1, 7, 4],
  ])('%s: the k best of a naive loop, to the last bit', async (_, count, width, seed) => {
    const next = random(seed);
    const rows = Array.from({ length: count }, () => unit(Array.from({ length: width }, next)));
    const file = await write(`random-${seed}.npy`, rows, dtype);
    const shards = await openShards(file.path, file.header);
    for (let trial = 0; trial < 20; trial++) {
      const query = unit(Array.from({ length: width }, next));
      for (const k of [1, 10, count])
        expect(await shards.nearest(Float64Array.from(query), k)).toEqual(naive(file, query, k));
    }
    await shards.close();
  });

  it('many rows that differ by less than the codes can tell, equal ones, and rows of zeros', async () => {
    const next = random(5);
    const centre = unit(Array.from({ length: 48 }, next));
    const rows = Array.from({ length: 600 }, (_, i) =>
      i % 7 === 0
        ? centre
        : i % 11 === 0
          ? centre.map(() => 0)
          : unit(centre.map((value) => value + 1e-3 * next())),
    );
    const file = await write('near.npy', rows, dtype);
    const shards = await openShards(file.path, file.header);
    for (const query of [centre, unit(centre.map((value) => -value)), centre.map(() => 0)])
      expect(await shards.nearest(Float64Array.from(query), 100)).toEqual(naive(file, query, 100));
    await shards.close();
  });

  it('rows and queries that are large, small, or not of unit length', async () => {
    const next = random(6);
    const rows = Array.from({ length: 200 }, (_, i) =>
      Array.from({ length: 20 }, () => next() * 10 ** ((i % 5) - 2)),
    );
    const file = await write('sizes.npy', rows, dtype);
    const shards = await openShards(file.path, file.header);
    for (const size of [1e-6, 1, 1e6]) {
      const query = Array.from({ length: 20 }, () => size * next());
      expect(await shards.nearest(Float64Array.from(query), 7)).toEqual(naive(file, query, 7));
    }
    await shards.close();
  });
});

it('is the same in threads, and closes them', async () => {
  const next = random(7);
  const rows = Array.from({ length: 51_000 }, () => unit(Array.from({ length: 8 }, next)));
  const file = await write('threads.npy', rows, 'float16');
  const shards = await openShards(file.path, file.header, { threads: 3 });
  for (const k of [1, 10, 300]) {
    const query = unit(Array.from({ length: 8 }, next));
    expect(await shards.nearest(Float64Array.from(query), k)).toEqual(naive(file, query, k));
  }
  await shards.close();
  await expect(shards.nearest(new Float64Array(8), 1)).rejects.toThrow('The search was closed.');
});

it.each([10, 51_000])('a row with NaN among %i: one sentence', async (count) => {
  const rows = Array.from({ length: count }, () => [1, 0]);
  rows[count - 1] = [Number.NaN, 1];
  const file = await write('nan.npy', rows, 'float16');
  await expect(openShards(file.path, file.header)).rejects.toThrow(
    `nan.npy: row ${count - 1} has NaN or an infinity. Write it again with couplet embed.`,
  );
});
