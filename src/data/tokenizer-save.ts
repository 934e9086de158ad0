import { rename, writeFile } from 'node:fs/promises';
import type { TokenizerJson } from './tokenizer-json.ts';

/** Writes a tokenizer.json so that a reader never sees half of it. */
export async function saveTokenizerJson(path: string, json: TokenizerJson): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(json, null, 1)}\n`, { flush: true });
  await rename(temporary, path);
}
