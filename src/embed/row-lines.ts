import { allCaptions, captionOf, UnreadableCaption } from '../data/dataset/captions.ts';
import { imageIn } from '../data/dataset/columns.ts';
import { Reader } from '../data/dataset/reader.ts';
import type { Dataset } from '../data/index.ts';

/** A line of rows.jsonl. */
export interface Row {
  /** Position in the source. */
  id: number;
  /** The picture's file; relative paths start from the record's `directory`. */
  path?: string;
  /** Or the file that holds it among others. */
  archive?: string;
  /** First byte in the archive. */
  offset?: number;
  /** Length in the archive. */
  bytes?: number;
  caption?: string;
  /** Where it has several. */
  captions?: readonly string[];
  class?: string;
}

/** Describes samples. `texts`: the caption is the one that training sees first, which may be made of the class. */
export class RowLines {
  readonly #dataset: Dataset;
  readonly #reader: Reader;
  readonly #texts: boolean;

  constructor(dataset: Dataset, { texts }: { texts: boolean }) {
    this.#dataset = dataset;
    this.#reader = new Reader(dataset.index);
    this.#texts = texts;
  }

  of(id: number, label: number): Row {
    const name = this.#dataset.classNames?.[label];
    return { id, ...this.#place(id), ...this.#captions(id), ...(name !== undefined && { class: name }) };
  }

  name(id: number): string {
    return this.#reader.name(id);
  }

  close(): void {
    this.#reader.close();
  }

  /** Unpacked pictures lie in a temporary folder, so they are found by the source alone. */
  #place(id: number): Pick<Row, 'path' | 'archive' | 'offset' | 'bytes'> {
    const { columns, containers } = this.#dataset.index;
    if ((columns.kind[id]! & 15) === imageIn.file) return { path: this.#reader.name(id) };
    if (this.#dataset.unpacked) return {};
    return {
      archive: containers[columns.container[id]!]!,
      offset: columns.offset[id]!,
      bytes: columns.length[id]!,
    };
  }

  #captions(id: number): Pick<Row, 'caption' | 'captions'> {
    const source = this.#reader.captionSource(id);
    try {
      const own = allCaptions(id, source);
      if (own.length === 0 && !this.#texts) return {};
      const caption = captionOf(id, source, { seed: 0, epoch: 0 });
      return { ...(caption !== undefined && { caption }), ...(own.length > 1 && { captions: own }) };
    } catch (error) {
      if (error instanceof UnreadableCaption) return {};
      throw error;
    }
  }
}

/** Path of a row's picture, or where else it lies. */
export function nameOfRow({ id, path, archive, offset }: Row): string {
  if (path !== undefined) return path;
  return archive === undefined ? `sample ${id}` : `${archive}, sample ${id} at byte ${offset}`;
}
