import { readFile, writeFile } from 'node:fs/promises';
import type { Caption } from './data.ts';

const BLOCK = 512;

/** One sample of a WebDataset shard: three files of one key. */
export interface Sample {
  picture: Buffer;
  facts: Caption;
}

/** Writes one tar shard: KEY.png, KEY.txt and KEY.json for each sample. Dates are zero, so equal samples make equal files. */
export async function writeShard(path: string, samples: Iterable<Sample>): Promise<void> {
  const members = Array.from(samples, ({ picture, facts }) => [
    member(`${facts.key}.png`, picture),
    member(`${facts.key}.txt`, Buffer.from(facts.caption)),
    member(`${facts.key}.json`, Buffer.from(JSON.stringify(facts))),
  ]);
  await writeFile(path, Buffer.concat([...members.flat(), Buffer.alloc(2 * BLOCK)]));
}

/** One file in a tar: a ustar header (POSIX.1-1988), the bytes, and zeros up to a whole block. */
function member(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  const field = (offset: number, text: string) => header.write(text, offset, 'latin1');
  field(0, name);
  field(100, octal(0o644, 7));
  field(108, octal(0, 7));
  field(116, octal(0, 7));
  field(124, octal(bytes.length, 11));
  field(136, octal(0, 11));
  field(148, ' '.repeat(8));
  field(156, '0');
  field(257, 'ustar\x0000');
  field(
    148,
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
  );
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))]);
}

/** Reads a shard that `writeShard` wrote. For the demo's few pictures: training reads shards through Couplet's own source. */
export async function readShard(path: string): Promise<Sample[]> {
  const tar = await readFile(path);
  const samples: Sample[] = [];
  let picture: Buffer = Buffer.alloc(0);
  for (let at = 0; tar[at]; ) {
    const name = tar.toString('latin1', at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const bytes = tar.subarray(at + BLOCK, at + BLOCK + size);
    if (name.endsWith('.png')) picture = bytes;
    if (name.endsWith('.json')) samples.push({ picture, facts: JSON.parse(bytes.toString()) as Caption });
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return samples;
}
