import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CoupletError } from '../../../errors.ts';
import { systemFailure } from '../../../io/system-error.ts';
import { type Classes, loadClasses, NO_LABEL } from '../classes.ts';
import { noCaption } from '../columns.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { SourceLabels } from '../labels.ts';
import { huggingFaceClasses } from '../parquet-file.ts';
import { ParquetReader } from '../parquet-reader.ts';
import type { ParquetFacts, ParquetRows } from '../parquet-thread.ts';
import { DamagedFile } from '../problems.ts';
import {
  classNamesOption,
  columnOption,
  defineSource,
  indexFiles,
  patternsOption,
  templatesOption,
} from '../source.ts';
import { type Columns, chooseColumns } from '../table-columns.ts';

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
/** Uncompressed images are read in place. Compressed pages have no random access, so their images are unpacked to a temporary folder. */
export const parquet = defineSource({
  type: 'parquet',
  summary: 'tables with the bytes of pictures in them',
  paths: /\.parquet$/i,
  options,
  async index(source, writer): Promise<IndexedSource> {
    const names = new ClassNames(loadClasses(source.classNames));
    const reader = new ParquetReader();
    let labels: SourceLabels | undefined;
    let captioned = false;
    try {
      await indexFiles(source.path, { writer, ending: '.parquet' }, async (path) => {
        const facts = await reader.open(path);
        const classes = names.of(facts, source.labelColumn ?? 'label', path);
        labels ??= new SourceLabels(writer, classes);
        const columns = chooseColumns(path, facts.columns, { named: source, usual: USUAL_COLUMNS });
        const scan = new ParquetScan({ writer, path, reader, facts, columns, labels });
        await scan.run();
        captioned ||= scan.captioned;
      });
    } finally {
      await reader.close();
    }
    return { ...(labels?.finish() ?? { classes: undefined, labelled: false }), captioned };
  },
});

interface Scan {
  writer: IndexWriter;
  path: string;
  reader: ParquetReader;
  facts: ParquetFacts;
  columns: Columns;
  labels: SourceLabels;
}

/** Reads row group by row group, to bound memory. The rows of one that is damaged are lost. */
class ParquetScan {
  captioned = false;
  readonly #scan: Scan;
  #spool: { container: number; descriptor: number; size: number } | undefined;

  constructor(scan: Scan) {
    this.#scan = scan;
  }

  /** The thread decodes a group while the one before is indexed. */
  async run(): Promise<void> {
    const { facts } = this.#scan;
    let start = 0;
    try {
      let next = this.#read(0, facts.groups[0] ?? 0);
      for (const [group, rows] of facts.groups.entries()) {
        const end = start + rows;
        const read = await next;
        next = this.#read(end, end + (facts.groups[group + 1] ?? 0));
        next.catch(() => {}); // told when its turn comes
        if ('damaged' in read) this.#lose(start, end, read.damaged);
        else this.#add(read, start, end);
        start = end;
      }
      await next;
    } finally {
      if (this.#spool) closeSync(this.#spool.descriptor);
    }
    if (facts.rows > start) this.#lose(start, facts.rows, NO_DATA);
  }

  async #read(start: number, end: number): Promise<ParquetRows | { damaged: string }> {
    const { image, caption, label } = this.#scan.columns;
    try {
      if (start === end) return EMPTY;
      return await this.#scan.reader.rows({
        start,
        end,
        image,
        ...(caption !== undefined && { caption }),
        ...(label !== undefined && { label }),
      });
    } catch (error) {
      if (!(error instanceof DamagedFile)) throw error;
      return { damaged: `cannot be read: ${error.message}` };
    }
  }

  /** Rows from `start` to before `end`. */
  #lose(start: number, end: number, reason: string): void {
    this.#scan.writer.problems.add(`${this.#scan.path}: rows ${start} to ${end - 1}`, reason, end - start);
  }

  #add(rows: ParquetRows, start: number, end: number): void {
    const { writer, labels, columns, path } = this.#scan;
    const { count, offsets, lengths, captions, labels: values } = rows;
    const unpacked = rows.unpacked.length > 0 ? this.#unpack(rows.unpacked) : undefined;
    for (let row = 0; row < count; row++) {
      const name = () => `${path}: row ${start + row}`;
      const length = lengths[row]!;
      if (length === 0) {
        writer.problems.add(name(), `no image bytes in column ${columns.image}`);
        continue;
      }
      const text = columns.caption ? writer.caption(captions[row], name) : noCaption;
      this.captioned ||= text.length > 0;
      const label = columns.label ? labels.read(values[row], name) : NO_LABEL;
      if (offsets[row]! >= 0)
        writer.addSlice({ container: writer.container(path), offset: offsets[row]!, length }, label, text);
      else {
        writer.addSlice({ container: unpacked!.container, offset: unpacked!.offset, length }, label, text);
        unpacked!.offset += length;
      }
    }
    if (count < end - start) this.#lose(start + count, end, NO_DATA);
  }

  /** @returns where the bytes are now */
  #unpack(bytes: Uint8Array): { container: number; offset: number } {
    const { writer, path } = this.#scan;
    this.#spool ??= openSpool(writer, path);
    const { descriptor, size, container } = this.#spool;
    try {
      for (let written = 0; written < bytes.length; )
        written += writeSync(descriptor, bytes, written, bytes.length - written, size + written);
    } catch (error) {
      throw systemFailure(error, 'Cannot unpack pictures to', writer.spoolFolder());
    }
    this.#spool.size += bytes.length;
    return { container, offset: size };
  }
}

const NO_DATA = 'the file promises them, and has no data';
const EMPTY: ParquetRows = {
  count: 0,
  offsets: new Float64Array(0),
  lengths: new Uint32Array(0),
  unpacked: new Uint8Array(0),
  captions: [],
  labels: [],
};

/** Class names of the source, or those in the metadata of its files, which must agree. */
class ClassNames {
  readonly #given: Classes | undefined;
  #first: { path: string; classes: Classes | undefined } | undefined;

  constructor(given: Classes | undefined) {
    this.#given = given;
  }

  of({ huggingFace }: ParquetFacts, column: string, path: string): Classes | undefined {
    if (this.#given) return this.#given;
    const classes = huggingFaceClasses(huggingFace, column);
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
