import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Reader } from '../data/dataset/reader.ts';
import { type Dataset, openDataset, type SourceInput } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { type NpyFile, readNpyHeader } from '../io/npy.ts';
import { NpyRows } from '../io/npy-rows.ts';
import { systemFailure } from '../io/system-error.ts';
import { EMBED_FILES, type EmbedRecord, readRecord } from './record.ts';
import { RowFile } from './row-file.ts';
import type { Row } from './row-lines.ts';

/** The files of a folder that `embedSource` wrote. */
export class Embedding {
  readonly folder: string;
  readonly record: EmbedRecord;
  /** embeddings.npy and its header. */
  readonly file: { path: string; header: NpyFile };
  readonly #rows: RowFile;
  #source: Promise<{ dataset: Dataset; reader: Reader }> | undefined;

  private constructor(
    folder: string,
    parts: { record: EmbedRecord; file: { path: string; header: NpyFile }; rows: RowFile },
  ) {
    this.folder = folder;
    this.record = parts.record;
    this.file = parts.file;
    this.#rows = parts.rows;
  }

  /** Throws a CoupletError when a file is missing, cut, or does not fit the others. */
  static async open(folder: string): Promise<Embedding> {
    const record = readRecord(folder);
    if (record.format === 'parquet')
      throw new CoupletError(
        `${folder} holds Parquet, which other programs search: for couplet search embed again with --format npy.`,
      );
    const path = join(folder, EMBED_FILES.images);
    const header = await readNpyHeader(path);
    const expected = [record.rows, record.width];
    if (String(header.shape) !== String(expected))
      throw new CoupletError(
        `${path} has the shape (${header.shape.join(', ')}), and embed.json says (${expected.join(', ')}). Write both again with couplet embed.`,
      );
    const rows = await RowFile.open(join(folder, EMBED_FILES.rows), record.rows);
    return new Embedding(folder, { record, file: { path, header }, rows });
  }

  /** What rows.jsonl says of a row. */
  row(row: number): Row {
    return this.#rows.row(row);
  }

  /** All rows, [N, E]. */
  vectors(): Float32Array {
    const { rows, width } = this.record;
    const values = new Float32Array(rows * width);
    const file = new NpyRows(this.file.path, this.file.header);
    try {
      file.read(0, values);
    } finally {
      file.close();
    }
    return values;
  }

  /** The encoded picture of a row. Throws a CoupletError when it is gone. */
  async readPicture(row: number): Promise<Uint8Array> {
    const { id, path, archive, offset = 0, bytes = 0 } = this.row(row);
    const { directory } = this.record;
    try {
      if (path !== undefined) return readFileSync(resolve(directory, path));
      if (archive !== undefined) return readPart(resolve(directory, archive), offset, bytes);
      return (await this.#opened()).reader.image(id);
    } catch (error) {
      throw systemFailure(error, 'Cannot read', path ?? archive);
    }
  }

  close(): void {
    this.#rows.close();
    this.#source
      ?.then(({ dataset, reader }) => {
        reader.close();
        dataset.close();
      })
      .catch(() => {}); // readPicture() threw it
  }

  /** For pictures that have no place of their own on the disk. */
  #opened(): Promise<{ dataset: Dataset; reader: Reader }> {
    this.#source ??= openDataset(sourcesOf(this.record), { key: 'source' }).then((dataset) => ({
      dataset,
      reader: new Reader(dataset.index),
    }));
    return this.#source;
  }
}

/** With paths that hold in every folder. */
function sourcesOf({ source, directory }: EmbedRecord): SourceInput[] {
  return ([source].flat() as SourceInput[]).map((each) => {
    const paths = [each.path].flat().map((path) => resolve(directory, path));
    return { ...each, path: paths.length === 1 ? paths[0]! : paths } as SourceInput;
  });
}

function readPart(path: string, offset: number, length: number): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    const count = readSync(descriptor, bytes, 0, length, offset);
    if (count < length) throw new CoupletError(`${path} became shorter since it was embedded.`);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
