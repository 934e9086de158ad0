import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TarMember, writeTar } from './tar.ts';

const SAMPLES_PER_SHARD = 5000;

/** A sample before it has its key. */
export interface Draft {
  /** The file's name in the source: samples are written in the order of its hash. */
  original: string;
  picture: { ending: 'jpg' | 'png'; bytes: Buffer };
  /** Goes into KEY.json, and a caption into KEY.txt too. */
  facts: { label: number; caption?: string; [key: string]: unknown };
}

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Writes `PART-00000.tar` and on, in a fixed random order, so that even reading in order mixes classes. A key is the shard in
 * five digits and the row in four. Returns the number of samples.
 */
export async function writeShards(folder: string, part: string, drafts: readonly Draft[]): Promise<number> {
  const order = new Map(drafts.map((draft) => [draft, sha256(draft.original)]));
  const sorted = drafts.toSorted((a, b) => Buffer.compare(order.get(a)!, order.get(b)!));
  for (let from = 0; from < sorted.length; from += SAMPLES_PER_SHARD) {
    const shard = String(from / SAMPLES_PER_SHARD).padStart(5, '0');
    const members = sorted
      .slice(from, from + SAMPLES_PER_SHARD)
      .flatMap((draft, row) => membersOf(draft, `${shard}${String(row).padStart(4, '0')}`));
    await writeTar(join(folder, `${part}-${shard}.tar`), members);
  }
  return sorted.length;
}

function membersOf({ picture, facts }: Draft, key: string): TarMember[] {
  return [
    { name: `${key}.${picture.ending}`, bytes: picture.bytes },
    ...(facts.caption === undefined ? [] : [{ name: `${key}.txt`, bytes: Buffer.from(facts.caption) }]),
    { name: `${key}.json`, bytes: Buffer.from(JSON.stringify({ key, ...facts })) },
  ];
}

/** Writes a list of classes as configs read it: [{ label, names, ... }]. */
export const writeClasses = (folder: string, classes: { label: number; names: string[] }[]): Promise<void> =>
  writeJson(join(folder, 'classes.json'), classes);

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
