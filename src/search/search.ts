import { readFileSync } from 'node:fs';
import { Embedding } from '../embed/embedding.ts';
import type { EmbedRecord } from '../embed/record.ts';
import type { Row } from '../embed/row-lines.ts';
import { CoupletError } from '../errors.ts';
import { systemFailure } from '../io/system-error.ts';
import { type DuplicateGroup, type DuplicateOptions, findDuplicates } from './duplicates.ts';
import { QueryModel, type QueryOptions } from './query.ts';
import type { Match } from './shard.ts';
import { openShards, type Shards } from './shards.ts';

export interface SearchOptions extends QueryOptions {
  /** Threads that hold the rows; default the cores of this process. */
  threads?: number;
}

/** The embeddings of a folder in memory. `close()` frees them. */
export class Search {
  readonly #embedding: Embedding;
  readonly #options: SearchOptions;
  #shards: Promise<Shards> | undefined;
  #model: Promise<QueryModel> | undefined;

  /** Use `openSearch`. */
  constructor(embedding: Embedding, options: SearchOptions) {
    this.#embedding = embedding;
    this.#options = options;
  }

  /** How the embeddings were made. */
  get record(): EmbedRecord {
    return this.#embedding.record;
  }

  /** Number of rows. */
  get size(): number {
    return this.record.rows;
  }

  /** The sample of a row. */
  row(row: number): Row {
    return this.#embedding.row(row);
  }

  /** The encoded picture of a row. Throws a CoupletError when it is gone. */
  readPicture(row: number): Promise<Uint8Array> {
    return this.#embedding.readPicture(row);
  }

  /** The k rows of the largest product with a vector [E], best first, and of equal ones the first. At most as many as there are. */
  async nearest(vector: ArrayLike<number>, k = 10): Promise<Match[]> {
    const query = Float64Array.from(vector);
    const { width, rows } = this.record;
    if (query.length !== width || !query.every(Number.isFinite))
      throw new CoupletError(
        `The vector has ${query.length} numbers: expected ${width}, neither NaN nor infinite.`,
      );
    if (!Number.isSafeInteger(k) || k < 1)
      throw new CoupletError(`k is ${k}: expected a whole number, 1 or more.`);
    return (await this.#open()).nearest(query, Math.min(k, rows));
  }

  /** Pictures nearest to words. Throws a CoupletError when the model is gone, or has no text tower. */
  async words(text: string, k = 10): Promise<Match[]> {
    return this.nearest((await this.#queryModel()).words(text), k);
  }

  /** Pictures nearest to a picture file. Throws a CoupletError when the model is gone, or the file is no picture. */
  async image(path: string, k = 10): Promise<Match[]> {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (cause) {
      throw systemFailure(cause, 'Cannot read', path);
    }
    return this.nearest(await (await this.#queryModel()).image(bytes, path), k);
  }

  /** Groups of near-duplicates (docs/search.md). */
  duplicates(options: DuplicateOptions = {}): DuplicateGroup[] {
    return findDuplicates(this.#embedding.vectors(), this.record.width, options);
  }

  async close(): Promise<void> {
    const [shards, model] = [this.#shards, this.#model];
    await shards?.then((each) => each.close()).catch(() => {}); // nearest() threw it
    await model?.then((each) => each.close()).catch(() => {});
    this.#embedding.close();
  }

  #open(): Promise<Shards> {
    const { path, header } = this.#embedding.file;
    this.#shards ??= openShards(path, header, this.#options);
    return this.#shards;
  }

  #queryModel(): Promise<QueryModel> {
    this.#model ??= QueryModel.open(this.#embedding, this.#options);
    return this.#model;
  }
}

/**
 * Opens a folder that `embedSource` wrote, for exact search (docs/search.md). Rows are read on the first query, the model on the first one
 * by words or a picture. Throws a CoupletError when a file is missing, cut, or does not fit the others.
 */
export async function openSearch(folder: string, options: SearchOptions = {}): Promise<Search> {
  return new Search(await Embedding.open(folder), options);
}
