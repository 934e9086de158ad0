import { closeSync, existsSync, fstatSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { CoupletError } from '../../../errors.ts';
import { expandBraces } from '../brace.ts';
import { type Classes, LabelReader, loadClasses } from '../classes.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import type { ParquetSource } from '../source.ts';
import { readFully } from '../tar.ts';
import { type Columns, chooseColumns } from './column.ts';

const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(gunzipSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(brotliDecompressSync(input)),
};

/**
 * Parquet files. Images that are stored uncompressed are read from where they lie; compressed ones are unpacked once, into a temporary
 * folder, because a page cannot be entered in the middle.
 * @throws CoupletError when there is no file, or no image column
 */
export async function indexParquet(source: ParquetSource, writer: IndexWriter): Promise<IndexedSource> {
  let labels = new LabelReader(loadClasses(source.classNames));
  const found = { captioned: false, labelled: false };
  for (const path of paths(source)) {
    const file = new SliceFile(path);
    try {
      const metadata = await openMetadata(file, path);
      if (!labels.classes) labels = new LabelReader(huggingFaceClasses(metadata, labelColumnOf(source)));
      await new ParquetScan({ source, writer, path, file, metadata, labels, found }).run();
    } finally {
      file.close();
    }
  }
  const name = `parquet ${[source.path].flat().join(', ')}`;
  return { name, classes: labels.classes, ...found, templates: source.templates, captionKey: '' };
}

function paths(source: ParquetSource): string[] {
  return [source.path].flat().flatMap((pattern) => {
    const found = expandBraces(pattern).filter((path) => existsSync(path));
    if (found.length > 0) return found;
    throw new CoupletError(`parquet source: ${pattern} matches no file. Check the path.`);
  });
}

/** Bytes of a file that know where in the file they lie. */
class PlacedBuffer extends ArrayBuffer {
  start = Number.NaN;

  /** hyparquet cuts columns out of larger reads; the pieces know their place too. */
  override slice(begin = 0, end?: number): PlacedBuffer {
    const part = super.slice(begin, end) as PlacedBuffer;
    part.start = this.start + begin;
    return part;
  }
}

/** A file whose slices remember where they came from. */
class SliceFile implements AsyncBuffer {
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

  /** Where in the file `value` lies, if it is a view of a slice and not a decompressed copy. */
  placeOf(value: Uint8Array): number | undefined {
    return value.buffer instanceof PlacedBuffer ? value.buffer.start + value.byteOffset : undefined;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

async function openMetadata(file: SliceFile, path: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(file);
  } catch (error) {
    throw new CoupletError(
      `parquet source: ${path} could not be opened: ${(error as Error).message}. A cut file has lost its index, which is at its end.`,
    );
  }
}

function labelColumnOf(source: ParquetSource): string {
  return source.labelColumn ?? 'label';
}

/** Class names that the datasets library keeps in the file's metadata. */
function huggingFaceClasses(metadata: FileMetaData, column: string): Classes | undefined {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  try {
    const names: unknown = JSON.parse(text ?? 'null')?.info?.features?.[column]?.names;
    return Array.isArray(names) ? names.map((name) => [String(name).replaceAll('_', ' ')]) : undefined;
  } catch {
    return undefined;
  }
}

interface Scan {
  source: ParquetSource;
  writer: IndexWriter;
  path: string;
  file: SliceFile;
  metadata: FileMetaData;
  labels: LabelReader;
  found: { captioned: boolean; labelled: boolean };
}

/** Reads one file, a row group at a time. */
class ParquetScan {
  readonly #scan: Scan;
  readonly #columns: Columns;
  #spool: { container: number; descriptor: number; size: number } | undefined;

  constructor(scan: Scan) {
    this.#scan = scan;
    const where = { source: `parquet ${scan.path}`, columns: topLevelColumns(scan.metadata) };
    this.#columns = chooseColumns(where, scan.source, USUAL_COLUMNS);
  }

  async run(): Promise<void> {
    const { metadata, file, path } = this.#scan;
    const columns = Object.values(this.#columns).filter((name) => name !== undefined);
    let rowStart = 0;
    try {
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows);
        const rows = await parquetReadObjects({
          file,
          metadata,
          columns,
          rowStart,
          rowEnd,
          utf8: false,
          compressors,
        });
        for (const [place, row] of rows.entries()) this.#add(row, `${path}:row ${rowStart + place}`);
        rowStart = rowEnd;
      }
    } catch (error) {
      if (error instanceof CoupletError) throw error;
      this.#scan.writer.problems.add(path, `unreadable from row ${rowStart} on: ${(error as Error).message}`);
    } finally {
      if (this.#spool) closeSync(this.#spool.descriptor);
    }
  }

  #add(row: Record<string, unknown>, name: string): void {
    const { writer, found } = this.#scan;
    const { image, caption, label } = this.#columns;
    const bytes = imageBytes(row[image]);
    if (!bytes?.length) {
      writer.problems.add(name, `no image bytes in column ${image}`);
      return;
    }
    const text = caption ? captionText(row[caption]) : undefined;
    found.captioned ||= text !== undefined;
    writer.addSlice(this.#place(bytes), label ? this.#label(row[label], name) : -1, text);
  }

  #label(value: unknown, name: string): number {
    if (value === undefined || value === null) return -1;
    const label = this.#scan.labels.read(value);
    if (label === undefined)
      this.#scan.writer.problems.add(name, `label ${String(value)} is none of the classes`);
    this.#scan.found.labelled ||= label !== undefined;
    return label ?? -1;
  }

  #place(bytes: Uint8Array): { container: number; offset: number; length: number } {
    const { writer, path, file } = this.#scan;
    const offset = file.placeOf(bytes);
    if (offset !== undefined) return { container: writer.container(path), offset, length: bytes.length };
    this.#spool ??= openSpool(writer, path);
    const at = this.#spool.size;
    this.#spool.size += writeSync(this.#spool.descriptor, bytes, 0, bytes.length, at);
    return { container: this.#spool.container, offset: at, length: bytes.length };
  }
}

function openSpool(
  writer: IndexWriter,
  path: string,
): { container: number; descriptor: number; size: number } {
  const spool = join(writer.spoolFolder(), `${writer.containers.length}-${basename(path)}.images`);
  return { container: writer.container(spool), descriptor: openSync(spool, 'wx'), size: 0 };
}

const USUAL_COLUMNS = {
  image: ['image', 'img', 'jpg', 'png', 'bytes'],
  caption: ['caption', 'text', 'title'],
  label: ['label'],
};

/** Names of the root's children: the schema is a flattened tree. */
function topLevelColumns(metadata: FileMetaData): string[] {
  const names: string[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (metadata.schema[at]?.num_children ?? 0); child++) next = skip(next);
    return next;
  };
  for (let at = 1; at < metadata.schema.length; at = skip(at)) names.push(metadata.schema[at]!.name);
  return names;
}

/** struct<bytes, path> or plain bytes. A path alone is not followed: a data file must not name files on this disk. */
function imageBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const inner = (value as { bytes?: unknown } | null | undefined)?.bytes;
  return inner instanceof Uint8Array ? inner : undefined;
}

/** Text, or the first of a list of texts. */
function captionText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const text = first instanceof Uint8Array ? Buffer.from(first).toString('utf8') : first;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}
