import { readFile } from 'node:fs/promises';
import { writeTar } from '../scripts/data-sets/tar.ts';

const BLOCK = 512;

/** One sample of a WebDataset shard: KEY.png, and KEY.json with `facts`, whose caption is KEY.txt too. */
export interface Sample<Facts> {
  picture: Buffer;
  facts: Facts;
}

/** Writes one shard. Equal samples make equal files. */
export const writeShard = <Facts extends { key: string; caption: string }>(
  path: string,
  samples: Iterable<Sample<Facts>>,
): Promise<void> =>
  writeTar(
    path,
    Array.from(samples, ({ picture, facts }) => [
      { name: `${facts.key}.png`, bytes: picture },
      { name: `${facts.key}.txt`, bytes: Buffer.from(facts.caption) },
      { name: `${facts.key}.json`, bytes: Buffer.from(JSON.stringify(facts)) },
    ]).flat(),
  );

/** Reads a whole shard of `writeShard` into memory. Training reads shards through Couplet's own source. */
export async function readShard<Facts>(path: string): Promise<Sample<Facts>[]> {
  const tar = await readFile(path);
  const samples: Sample<Facts>[] = [];
  let picture: Buffer = Buffer.alloc(0);
  for (let at = 0; tar[at]; ) {
    const name = tar.toString('latin1', at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const bytes = tar.subarray(at + BLOCK, at + BLOCK + size);
    if (name.endsWith('.png')) picture = bytes;
    if (name.endsWith('.json')) samples.push({ picture, facts: JSON.parse(bytes.toString()) as Facts });
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return samples;
}
