import { type Int8Rows, readInt8File } from '../../int8.ts';
import type { PageFacts } from '../../layout.ts';
import { download } from './download.ts';

/** @throws Error with a sentence for the page */
export async function loadVectors(
  { vectors, count, dim }: PageFacts,
  onBytes: (loaded: number, total: number) => void,
): Promise<Int8Rows> {
  const bytes = await download(vectors, (loaded) => onBytes(loaded, vectors.bytes));
  return readInt8File(bytes, count, dim);
}
