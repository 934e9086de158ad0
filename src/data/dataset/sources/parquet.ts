import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type FileMetaData, parquetReadObjects } from 'hyparquet';
import type { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { isMachineFailure, systemFailure } from '../../../io/system-error.ts';
import { type Classes, loadClasses, NO_LABEL } from '../classes.ts';
import { noCaption } from '../columns.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { SourceLabels } from '../labels.ts';
import { huggingFaceClasses, openMetadata, SliceFile, topLevelColumns } from '../parquet-file.ts';
import {
  classNamesOption,
  columnOption,
  defineSource,
  indexFiles,
  patternsOption,
  templatesOption,
} from '../source.ts';
import { type Columns, chooseColumns } from '../table-columns.ts';

const compressors = {
  GZIP: (input: Uint8Array, size: number) =>
    new Uint8Array(gunzipSync(input, { maxOutputLength: size || 1 })),
  BROTLI: (input: Uint8Array, size: number) =>
    new Uint8Array(brotliDecompressSync(input, { maxOutputLength: size || 1 })),
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
    const names = new ClassNames(loadClasses(source.classNames));
    let labels: SourceLabels | undefined;
    let captioned = false;
    await indexFiles(source.path, { writer, ending: '.parquet' }, async (path) => {
      const file = new SliceFile(path);
      try {
        const metadata = await openMetadata(file);
        const classes = names.of(metadata, source.labelColumn ?? 'label', path);
        labels ??= new SourceLabels(writer, classes);
        const scan = new ParquetScan({ source, writer, path, file, metadata, labels });
        await scan.run();
        captioned ||= scan.captioned;
      } finally {
        file.close();
      }
    });
    return { ...(labels?.finish() ?? { classes: undefined, labelled: false }), captioned };
  },
});

interface Scan {
  source: ParquetOptions;
  writer: IndexWriter;
  path: string;
  file: SliceFile;
  metadata: FileMetaData;
  labels: SourceLabels;
}

/** Reads row group by row group, to bound memory. The rows of one that is damaged are lost. */
class ParquetScan {
  captioned = false;
  readonly #scan: Scan;
  readonly #columns: Columns;
  #spool: { container: number; descriptor: number; size: number } | undefined;

  constructor(scan: Scan) {
    this.#scan = scan;
    const columns = topLevelColumns(scan.metadata);
    this.#columns = chooseColumns(scan.path, columns, { named: scan.source, usual: USUAL_COLUMNS });
  }

  async run(): Promise<void> {
    let start = 0;
    try {
      for (const group of this.#scan.metadata.row_groups) {
        const end = start + Number(group.num_rows);
        await this.#group(start, end);
        start = end;
      }
    } finally {
      if (this.#spool) closeSync(this.#spool.descriptor);
    }
    const promised = Number(this.#scan.metadata.num_rows);
    if (promised > start) this.#lose(start, promised, 'the file promises them, and has no data');
  }

  async #group(start: number, end: number): Promise<void> {
    const { metadata, file, path } = this.#scan;
    const columns = Object.values(this.#columns).filter((name) => name !== undefined);
    let rows: Record<string, unknown>[];
    try {
      rows = await parquetReadObjects({
        file,
        metadata,
        columns,
        rowStart: start,
        rowEnd: end,
        utf8: false,
        compressors,
      });
    } catch (error) {
      if (isMachineFailure(error)) throw error;
      this.#lose(start, end, `cannot be read: ${(error as Error).message}`);
      return;
    }
    for (const [index, row] of rows.entries()) this.#add(row, () => `${path}: row ${start + index}`);
    if (rows.length < end - start)
      this.#lose(start + rows.length, end, 'the file promises them, and has no data');
  }

  /** Rows from `start` to before `end`. */
  #lose(start: number, end: number, reason: string): void {
    this.#scan.writer.problems.add(`${this.#scan.path}: rows ${start} to ${end - 1}`, reason, end - start);
  }

  #add(row: Record<string, unknown>, name: () => string): void {
    const { writer, labels } = this.#scan;
    const { image, caption, label } = this.#columns;
    const bytes = imageBytes(row[image]);
    if (!bytes?.length) {
      writer.problems.add(name(), `no image bytes in column ${image}`);
      return;
    }
    const text = caption ? writer.caption(row[caption], name) : noCaption;
    this.captioned ||= text.length > 0;
    writer.addSlice(this.#sliceOf(bytes), label ? labels.read(row[label], name) : NO_LABEL, text);
  }

  #sliceOf(bytes: Uint8Array): { container: number; offset: number; length: number } {
    const { writer, path, file } = this.#scan;
    const offset = file.offsetOf(bytes);
    if (offset !== undefined) return { container: writer.container(path), offset, length: bytes.length };
    this.#spool ??= openSpool(writer, path);
    const { descriptor, size, container } = this.#spool;
    try {
      this.#spool.size += writeSync(descriptor, bytes, 0, bytes.length, size);
    } catch (error) {
      throw systemFailure(error, 'Cannot unpack pictures to', writer.spoolFolder());
    }
    return { container, offset: size, length: bytes.length };
  }
}

/** Class names of the source, or those in the metadata of its files, which must agree. */
class ClassNames {
  readonly #given: Classes | undefined;
  #first: { path: string; classes: Classes | undefined } | undefined;

  constructor(given: Classes | undefined) {
    this.#given = given;
  }

  of(metadata: FileMetaData, column: string, path: string): Classes | undefined {
    if (this.#given) return this.#given;
    const classes = huggingFaceClasses(metadata, column);
    this.#first ??= { path, classes };
    if (JSON.stringify(classes) === JSON.stringify(this.#first.classes)) return classes;
    throw new CoupletError(
      `\`${this.#first.path}\` and \`${path}\` name their classes differently. Set classNames, or read them as two sources.`,
    );
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
