import { closeSync, fstatSync, openSync } from 'node:fs';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync } from 'hyparquet';
import { isMachineFailure } from '../../io/system-error.ts';
import type { Classes } from './classes.ts';
import { DamagedFile } from './problems.ts';
import { readFully } from './tar.ts';

/** The next row group may be somewhat larger. */
export const SPARE = 1.25;

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
  readonly #pulse: Int32Array;
  readonly #buffers: PlacedBuffer[] = [];
  #used = 0;

  /** @param pulse of ParquetReader */
  constructor(path: string, pulse: Int32Array) {
    this.#descriptor = openSync(path, 'r');
    this.byteLength = fstatSync(this.#descriptor).size;
    this.#pulse = pulse;
  }

  slice(start: number, end = this.byteLength): ArrayBuffer {
    const buffer = this.#buffer(Math.max(0, Math.min(end, this.byteLength) - start));
    Atomics.store(this.#pulse, 0, 1);
    readFully(this.#descriptor, new Uint8Array(buffer), start);
    Atomics.store(this.#pulse, 2, buffer.byteLength >> 10);
    Atomics.add(this.#pulse, 1, 1);
    Atomics.store(this.#pulse, 0, 0);
    buffer.start = start;
    return buffer;
  }

  /** Lets later slices have the memory of those before: new memory costs a thread much time. */
  reuse(): void {
    this.#used = 0;
  }

  /** Bytes without an offset. */
  memory(length: number): ArrayBuffer {
    const buffer = this.#buffer(length);
    buffer.start = Number.NaN;
    return buffer;
  }

  #buffer(length: number): PlacedBuffer {
    const place = this.#used++;
    const known = this.#buffers[place];
    if (known && known.maxByteLength >= length) known.resize(length);
    else this.#buffers[place] = new PlacedBuffer(length, { maxByteLength: Math.ceil(length * SPARE) });
    return this.#buffers[place]!;
  }

  /** Offset of `value` in the file; undefined for a decompressed copy. */
  offsetOf(value: Uint8Array): number | undefined {
    const start = value.buffer instanceof PlacedBuffer ? value.buffer.start : Number.NaN;
    return Number.isNaN(start) ? undefined : start + value.byteOffset;
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

/** @throws DamagedFile when there cannot be so many rows in so many bytes */
export function checkRowCounts({ num_rows, row_groups }: FileMetaData, bytes: number): void {
  for (const rows of [num_rows, ...row_groups.map((group) => group.num_rows)].map(Number))
    if (!(rows >= 0 && rows <= bytes))
      throw new DamagedFile(`its footer is damaged: it promises ${rows} rows in ${bytes} bytes`);
}

/** Class names as the datasets library stores them in a file's metadata. */
export function huggingFaceClasses(metadata: string | undefined, column: string): Classes | undefined {
  try {
    const names: unknown = JSON.parse(metadata ?? 'null')?.info?.features?.[column]?.names;
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
    const children = metadata.schema[index]?.num_children ?? 0;
    for (let child = 0; child < children && next < metadata.schema.length; child++) next = afterSubtree(next);
    return next;
  };
  for (let index = 1; index < metadata.schema.length; index = afterSubtree(index))
    names.push(metadata.schema[index]!.name);
  return names;
}
