// n samples, L context length.
import { allCaptions, captionOf, captionVaries, classCaptions } from '../data/dataset/captions.ts';
import { Reader } from '../data/dataset/reader.ts';
import type { Dataset } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';

const BAD = -2;
const VARIES = -1;

interface Samples {
  /** int32 [n, 2]: 0 x 0 for a bad sample. */
  sizes: Int32Array;
  /** [n, L]: captions of the first epoch. */
  tokens: Int32Array;
}

/**
 * Numbers the captions of a data set: a row for each sample's only caption, and one for each distinct text of a list, or of class names
 * and templates, from which an epoch draws.
 */
export class CaptionRows {
  readonly #reader: Reader;
  readonly #tokens: Int32Array;
  readonly #length: number;
  /** By sample id. */
  readonly #rows: Int32Array;
  /** The sample of each row, or its text. */
  readonly #sources: (number | string)[] = [];
  readonly #byText = new Map<string, number>();

  constructor({ index, size }: Dataset, { sizes, tokens }: Samples) {
    this.#reader = new Reader(index);
    this.#tokens = tokens;
    this.#length = tokens.length / size;
    this.#rows = new Int32Array(size).fill(BAD);
    const known = new Set<string>();
    for (let id = 0; id < size; id++) {
      if (sizes[2 * id] === 0) continue;
      const source = this.#reader.captionSource(id);
      const varies = captionVaries(id, source);
      this.#rows[id] = varies ? VARIES : this.#sources.push(id) - 1;
      if (!varies) continue;
      const own = allCaptions(id, source);
      for (const text of own) this.#add(text);
      const label = source.columns.label[id]!;
      const group = `${source.rules.start} ${label}`;
      if (own.length > 0 || known.has(group)) continue;
      known.add(group);
      for (const text of classCaptions(label, source.rules) ?? []) this.#add(text);
    }
  }

  #add(text: string): void {
    if (!this.#byText.has(text)) this.#byText.set(text, this.#sources.push(text) - 1);
  }

  get size(): number {
    return this.#sources.length;
  }

  /** [count, L] */
  tokens(first: number, count: number, tokenizer: Pick<Tokenizer, 'encode'>): Int32Array {
    const tokens = new Int32Array(count * this.#length);
    for (const [row, source] of this.#sources.slice(first, first + count).entries()) {
      const [from, to] = [Number(source) * this.#length, (Number(source) + 1) * this.#length];
      const own = typeof source === 'number' ? this.#tokens.subarray(from, to) : tokenizer.encode(source);
      tokens.set(own, row * this.#length);
    }
    return tokens;
  }

  /** int64 [B] */
  rowsOf(places: readonly { id: number; epoch: number }[], seed: number): BigInt64Array {
    return BigInt64Array.from(places, ({ id, epoch }) => {
      const row = this.#rows[id]!;
      if (row !== VARIES) return BigInt(row);
      const text = captionOf(id, this.#reader.captionSource(id), { seed, epoch })!;
      return BigInt(this.#byText.get(text)!);
    });
  }
}
