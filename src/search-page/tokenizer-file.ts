import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clipMerges } from '../data/tokenizer/clip-merges.ts';
import type { CheckedJson } from '../data/tokenizer/json.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { FILES, type PageFile, type PageTokenizer } from './layout.ts';

/** Writes `tokenizer.json` into `folder`. */
export async function writeTokenizer(folder: string, tokenizer: Tokenizer): Promise<PageFile> {
  const path = join(folder, FILES.tokenizer);
  await writeFile(path, JSON.stringify(pageTokenizer(tokenizer)));
  return { file: FILES.tokenizer, bytes: (await stat(path)).size };
}

/** What the browser needs of a tokenizer. */
export function pageTokenizer({ spec, startOfText, endOfText }: Tokenizer): PageTokenizer {
  const { contextLength, frame } = spec;
  const shared = { contextLength, ...(frame && { frame }) };
  if (spec.type === 'clip') return { type: 'clip', ...shared, merges: clipMerges() };
  const special = { ...(startOfText !== undefined && { startOfText }), endOfText };
  // createTokenizer() leaves in its spec what it has checked.
  return { type: 'json', ...shared, json: spec.json as CheckedJson, ...special };
}
