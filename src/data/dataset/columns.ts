export const imageIn = { file: 0, archive: 1 } as const;
/** A list in the arena has a NUL between its captions. */
export const captionIn = {
  nothing: 0,
  arena: 1,
  archiveText: 2,
  archiveJson: 3,
  arenaList: 4,
  unreadable: 5,
} as const;

/**
 * The index of all samples, one typed array per field. Shared memory spares worker threads a copy. Ten million samples take about
 * 290 MB, beside the arena.
 */
export interface Columns {
  size: number;
  /** Bits 0-3: imageIn; bits 4-7: captionIn. */
  kind: Uint8Array;
  /** Index of the archive, or of the file's folder. */
  container: Uint32Array;
  /** First byte of the image in its archive, or of the file's name in the arena. */
  offset: Float64Array;
  /** Bytes of that image or name. */
  length: Uint32Array;
  /** First byte of the caption: in the arena, or as an int32 relative to `offset` in the archive. */
  caption: Uint32Array;
  captionLength: Uint32Array;
  /** Class, or -1. */
  label: Int32Array;
  /** UTF-8 of file names and captions. */
  arena: Uint8Array;
}

export interface Row {
  image: { in: number; container: number; offset: number; length: number };
  caption: { in: number; offset: number; length: number };
  label: number;
}

class Growing<T extends Uint8Array | Uint32Array | Int32Array | Float64Array> {
  data: T;
  length = 0;
  #make: (count: number) => T;

  constructor(make: (count: number) => T) {
    this.#make = make;
    this.data = make(1024);
  }

  push(value: number): void {
    this.reserve(1);
    this.data[this.length++] = value;
  }

  reserve(count: number): void {
    if (this.length + count <= this.data.length) return;
    this.#resize(Math.max(this.length + count, this.data.length * 2));
  }

  finish(): T {
    this.#resize(this.length);
    return this.data;
  }

  #resize(count: number): void {
    const next = this.#make(count);
    next.set(this.data.subarray(0, this.length) as never);
    this.data = next;
  }
}

const bytes = (count: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(count));
const words = (count: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(count * 4));

export class ColumnsBuilder {
  readonly #kind = new Growing(bytes);
  readonly #container = new Growing(words);
  readonly #offset = new Growing((count) => new Float64Array(new SharedArrayBuffer(count * 8)));
  readonly #length = new Growing(words);
  readonly #caption = new Growing(words);
  readonly #captionLength = new Growing(words);
  readonly #label = new Growing((count) => new Int32Array(new SharedArrayBuffer(count * 4)));
  readonly #arena = new Growing(bytes);

  get size(): number {
    return this.#kind.length;
  }

  add(row: Row): void {
    const inArchive = row.caption.in === captionIn.archiveText || row.caption.in === captionIn.archiveJson;
    this.#kind.push(row.image.in | (row.caption.in << 4));
    this.#container.push(row.image.container);
    this.#offset.push(row.image.offset);
    this.#length.push(row.image.length);
    this.#caption.push(inArchive ? row.caption.offset - row.image.offset : row.caption.offset);
    this.#captionLength.push(row.caption.length);
    this.#label.push(row.label);
  }

  /** Adds a text to the arena. @throws RangeError over 4 GiB of texts, which `caption` cannot address */
  text(text: string): { offset: number; length: number } {
    const arena = this.#arena;
    const offset = arena.length;
    arena.reserve(text.length * 3);
    const written = Buffer.from(arena.data.buffer).write(text, offset);
    arena.length += written;
    if (arena.length > 0xffff_ffff)
      throw new RangeError(
        'file names and captions fill more than 4 GiB: use WebDataset shards, whose captions stay on disk',
      );
    return { offset, length: written };
  }

  /** Where a sample that is a file lies. */
  file(row: number): { container: number; name: string } {
    const start = this.#offset.data[row]!;
    const name = this.#arena.data.slice(start, start + this.#length.data[row]!);
    return { container: this.#container.data[row]!, name: Buffer.from(name).toString('utf8') };
  }

  /** For the samples from `start` on. */
  relabel(start: number, rename: (label: number) => number): void {
    const labels = this.#label.data;
    for (let row = start; row < this.size; row++) labels[row] = rename(labels[row]!);
  }

  finish(): Columns {
    return {
      size: this.size,
      kind: this.#kind.finish(),
      container: this.#container.finish(),
      offset: this.#offset.finish(),
      length: this.#length.finish(),
      caption: this.#caption.finish(),
      captionLength: this.#captionLength.finish(),
      label: this.#label.finish(),
      arena: this.#arena.finish(),
    };
  }
}

export const noCaption = { in: captionIn.nothing, offset: 0, length: 0 } as const;
export const unreadableCaption = { in: captionIn.unreadable, offset: 0, length: 0 } as const;
