import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { imageIn } from './columns.ts';
import type { Dataset } from './dataset.ts';
import { Reader } from './reader.ts';

/**
 * SHA-256 (hex) of the index, and of path, size and modification time of every file it points at. Reads no sample.
 * @returns undefined for data unpacked to a temporary folder
 */
export function fingerprintOf({ index, unpacked }: Dataset): string | undefined {
  if (unpacked) return undefined;
  const { size, kind, container, offset, length, caption, captionLength, arena } = index.columns;
  const hash = createHash('sha256');
  for (const column of [kind, container, offset, length, caption, captionLength, arena]) hash.update(column);
  const reader = new Reader(index);
  const archives = new Set<number>();
  for (let id = 0; id < size; id++) {
    const inFile = (kind[id]! & 15) === imageIn.file;
    if (inFile) hash.update(stamp(reader.name(id)));
    if (!inFile) archives.add(container[id]!);
  }
  for (const archive of archives) hash.update(stamp(index.containers[archive]!));
  return hash.digest('hex');
}

/** A missing file has a stamp too. */
function stamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return JSON.stringify([resolve(path), stat?.size, stat?.mtimeMs]);
}
