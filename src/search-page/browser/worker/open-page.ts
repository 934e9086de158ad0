import { type Int8Rows, readInt8File } from '../../int8.ts';
import { FILES, type PageFacts } from '../../layout.ts';
import { download, downloadJson } from './download.ts';

export interface OpenPage {
  readonly facts: PageFacts;
  readonly vectors: Int8Rows;
}

/** @throws Error with a sentence for the page */
export async function openPage(onBytes: (loaded: number, total: number) => void): Promise<OpenPage> {
  const facts = await downloadJson<PageFacts>(FILES.facts);
  const { vectors, count, dim } = facts;
  const bytes = await download(vectors, (loaded) => onBytes(loaded, vectors.bytes));
  return { facts, vectors: readInt8File(bytes, count, dim) };
}
