/**
 * How long does a search among a million vectors take, and how much of it is the scan of 8-bit codes?
 *
 *   node --import jiti/register bench/search.ts [ROWS] [WIDTH] [THREADS]
 *
 * Random unit vectors in float16, two threads, the median of 50 queries with k = 10; answers are compared with a loop in float64.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npyHeader, readNpyHeader } from '../src/io/npy.ts';
import { NpyRows } from '../src/io/npy-rows.ts';
import { best, type Match, product } from '../src/search/shard.ts';
import { openShards } from '../src/search/shards.ts';
import * as torch from '../src/torch/index.ts';

const [rows = 1_000_000, width = 512, threads = 2] = process.argv.slice(2).map(Number);
const QUERIES = 50;
const K = 10;
const BLOCK = 10_000;

const folder = mkdtempSync(join(tmpdir(), 'bench-search-'));
const path = join(folder, 'embeddings.npy');
const generator = new torch.Generator('cpu', 1);
const unit = (count: number) => {
  const x = torch.randn([count, width], generator);
  return x.div(x.mul(x).sum(1, true).sqrt());
};
const file = openSync(path, 'w');
writeSync(file, npyHeader('float16', [rows, width]));
for (let first = 0; first < rows; first += BLOCK) {
  const bits = torch.scope(() =>
    unit(Math.min(BLOCK, rows - first))
      .to('float16')
      .toArray(),
  );
  writeSync(file, new Uint8Array(bits.buffer));
}
closeSync(file);
const queries = torch.scope(() =>
  Array.from({ length: QUERIES }, () => Float64Array.from(unit(1).toNumbers())),
);
const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1]!;
const timed = async <T>(action: () => Promise<T>) => {
  const start = performance.now();
  return { result: await action(), ms: performance.now() - start };
};

const header = await readNpyHeader(path);
const opened = await timed(() => openShards(path, header, { threads }));
const shards = opened.result;
const times: number[] = [];
const answers: Match[][] = [];
for (const query of queries) {
  const { result, ms } = await timed(() => shards.nearest(query, K));
  times.push(ms);
  answers.push(result);
}
await shards.close();

const reader = new NpyRows(path, header);
const checked = queries.slice(0, 2).map((query) => naive(query));
reader.close();
rmSync(folder, { recursive: true });

console.log(`${rows} vectors of ${width} in float16, ${threads} threads, k = ${K}`);
console.log(`reading and coding once  ${(opened.ms / 1000).toFixed(2)} s`);
console.log(`a query, median          ${median(times).toFixed(1)} ms`);
console.log(`a query, slowest         ${Math.max(...times).toFixed(1)} ms`);
console.log(
  `equal to a float64 loop  ${JSON.stringify(checked) === JSON.stringify(answers.slice(0, 2)) ? 'yes' : 'NO'}`,
);

function naive(query: Float64Array): Match[] {
  const block = new Float32Array(BLOCK * width);
  let found: Match[] = [];
  for (let first = 0; first < rows; first += BLOCK) {
    const count = Math.min(BLOCK, rows - first);
    const values = block.subarray(0, count * width);
    reader.read(first, values);
    const scored = Array.from({ length: count }, (_, row) => ({
      row: first + row,
      score: product(query, values.subarray(row * width, (row + 1) * width)),
    }));
    found = best([...found, ...scored], K);
  }
  return found;
}
