import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readShard } from '../shards.ts';
import { type Facts, nameKey } from './icon.ts';

/** The names that the training shards of a folder hold, in any order of their words. */
export async function namesIn(folder: string): Promise<{ has(name: string): boolean }> {
  const keys = new Set<string>();
  for (const file of await readdir(folder)) {
    if (!/^train-\d+\.tar$/.test(file)) continue;
    for (const { facts } of await readShard<Facts>(join(folder, file))) keys.add(nameKey(facts.name));
  }
  return { has: (name) => keys.has(nameKey(name)) };
}
