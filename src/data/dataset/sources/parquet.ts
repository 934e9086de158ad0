import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type FileMetaData, parquetReadObjects } from 'hyparquet';
import type { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { LabelReader, loadClasses } from '../classes.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { huggingFaceClasses, openMetadata, SliceFile, topLevelColumns } from '../parquet-file.ts';
import {
  classNamesOption,
  columnOption,
  defineSource,
  filesOf,
  patternsOption,
  templatesOption,
} from '../source.ts';
import { type Columns, chooseColumns } from '../table-columns.ts';

const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(gunzipSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(brotliDecompressSync(input)),
};

const USUAL_COLUMNS = {
  image: ['image', 'img', 'jpg', 'png', 'bytes'],
  caption: ['caption', 'text', 'title'],
  label: ['label'],
};

const options = {
  path: patternsOption,
  imageColumn: columnOption.describe(
    `column of pictures: struct<bytes, path>, or bytes; default the first of ${USUAL_COLUMNS.image.join(', ')}`,
  ),
  captionColumn: columnOption.describe(
    `column of captions; default the first of ${USUAL_COLUMNS.caption.join(', ')}`,
  ),
  labelColumn: columnOption.describe('column of labels; default label'),
  classNames: classNamesOption.describe(
    `${classNamesOption.description}; default the Hugging Face metadata's`,
  ),
  templates: templatesOption,
};
type ParquetOptions = z.output<z.ZodObject<typeof options>>;

/** Uncompressed images are read in place. Compressed pages have no random access, so their images are unpacked to a temporary folder. */
export const parquet = defineSource({
  type: 'parquet',
  summary: 'tables with the bytes of pictures in them',
  paths: /\.parquet$/i,
  options,
  async index(source, writer): Promise<IndexedSource> {
    let labels = new LabelReader(loadClasses(source.classNames));
    const result = { captioned: false, labelled: false };
    for (const path of filesOf(source.path, writer)) {
      const file = new SliceFile(path);
      try {
        const metadata = await openMetadata(file, path);
        if (!labels.classes)
          labels = new LabelReader(huggingFaceClasses(metadata, source.labelColumn ?? 'label'));
        await new ParquetScan({ source, writer, path, file, metadata, labels, result }).run();
      } finally {
        file.close();
      }
    }
    return { classes: labels.classes, ...result };
  },
});

interface Scan {
  source: ParquetOptions;
  writer: IndexWriter;
  path: string;
  file: SliceFile;
  metadata: FileMetaData;
  labels: LabelReader;
  result: Pick<IndexedSource, 'captioned' | 'labelled'>;
}

/** Reads row group by row group, to bound memory. */
class ParquetScan {
  readonly #scan: Scan;
  readonly #columns: Columns;
  #spool: { container: number; descriptor: number; size: number } | undefined;

  constructor(scan: Scan) {
    this.#scan = scan;
    const columns = topLevelColumns(scan.metadata);
    this.#columns = chooseColumns(scan.path, columns, { named: scan.source, usual: USUAL_COLUMNS });
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
        for (const [index, row] of rows.entries()) this.#add(row, `${path}:row ${rowStart + index}`);
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
    const { writer, result } = this.#scan;
    const { image, caption, label } = this.#columns;
    const bytes = imageBytes(row[image]);
    if (!bytes?.length) {
      writer.problems.add(name, `no image bytes in column ${image}`);
      return;
    }
    const text = caption ? captionText(row[caption]) : undefined;
    result.captioned ||= text !== undefined;
    writer.addSlice(this.#sliceOf(bytes), label ? this.#label(row[label], name) : -1, text);
  }

  #label(value: unknown, name: string): number {
    if (value === undefined || value === null) return -1;
    const label = this.#scan.labels.read(value);
    if (label === undefined)
      this.#scan.writer.problems.add(name, `label ${String(value)} is not one of the classes`);
    this.#scan.result.labelled ||= label !== undefined;
    return label ?? -1;
  }

  #sliceOf(bytes: Uint8Array): { container: number; offset: number; length: number } {
    const { writer, path, file } = this.#scan;
    const offset = file.offsetOf(bytes);
    if (offset !== undefined) return { container: writer.container(path), offset, length: bytes.length };
    this.#spool ??= openSpool(writer, path);
    const spoolOffset = this.#spool.size;
    this.#spool.size += writeSync(this.#spool.descriptor, bytes, 0, bytes.length, spoolOffset);
    return { container: this.#spool.container, offset: spoolOffset, length: bytes.length };
  }
}

function openSpool(
  writer: IndexWriter,
  path: string,
): { container: number; descriptor: number; size: number } {
  const spool = join(writer.spoolFolder(), `${writer.containers.length}-${basename(path)}.images`);
  return { container: writer.container(spool), descriptor: openSync(spool, 'wx'), size: 0 };
}

/** Does not follow a path: a data file must not name files on this disk. */
function imageBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const inner = (value as { bytes?: unknown } | null | undefined)?.bytes;
  return inner instanceof Uint8Array ? inner : undefined;
}

/** Of a list, the first. */
function captionText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const text = first instanceof Uint8Array ? Buffer.from(first).toString('utf8') : first;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}
