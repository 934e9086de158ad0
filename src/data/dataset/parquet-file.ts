import { closeSync, fstatSync, openSync } from 'node:fs';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync } from 'hyparquet';
import { isMachineFailure } from '../../io/system-error.ts';
import type { Classes } from './classes.ts';
import { DamagedFile } from './problems.ts';
import { readFully } from './tar.ts';

/** Bytes that know their offset in the file. */
class PlacedBuffer extends ArrayBuffer {
  start = Number.NaN;

  /** hyparquet cuts columns out of larger reads. */
  override slice(begin = 0, end?: number): PlacedBuffer {
    const part = super.slice(begin, end) as PlacedBuffer;
    part.start = this.start + begin;
    return part;
  }
}

/** A file whose slices remember their offset. */
export class SliceFile implements AsyncBuffer {
  readonly byteLength: number;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
    this.byteLength = fstatSync(this.#descriptor).size;
  }

  slice(start: number, end = this.byteLength): ArrayBuffer {
    const buffer = new PlacedBuffer(Math.max(0, Math.min(end, this.byteLength) - start));
    readFully(this.#descriptor, new Uint8Array(buffer), start);
    buffer.start = start;
    return buffer;
  }

  /** Offset of `value` in the file; undefined for a decompressed copy. */
  offsetOf(value: Uint8Array): number | undefined {
    return value.buffer instanceof PlacedBuffer ? value.buffer.start + value.byteOffset : undefined;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

export async function openMetadata(file: SliceFile): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(file);
  } catch (error) {
    if (isMachineFailure(error)) throw error;
    throw new DamagedFile(
      `could not be opened as Parquet (${(error as Error).message}). A file that was cut has lost the index at its end: make or download it again.`,
    );
  }
}

/** Class names as the datasets library stores them. */
export function huggingFaceClasses(metadata: FileMetaData, column: string): Classes | undefined {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  try {
    const names: unknown = JSON.parse(text ?? 'null')?.info?.features?.[column]?.names;
    return Array.isArray(names) ? names.map((name) => [String(name).replaceAll('_', ' ')]) : undefined;
  } catch {
    return undefined;
  }
}

/** The schema is a flattened tree; these are its root's children. */
export function topLevelColumns(metadata: FileMetaData): string[] {
  const names: string[] = [];
  const afterSubtree = (index: number): number => {
    let next = index + 1;
    for (let child = 0; child < (metadata.schema[index]?.num_children ?? 0); child++)
      next = afterSubtree(next);
    return next;
  };
  for (let index = 1; index < metadata.schema.length; index = afterSubtree(index))
    names.push(metadata.schema[index]!.name);
  return names;
}
