import { captionOf, hasOwnCaption } from '../dataset/captions.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { Reader } from '../dataset/reader.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** Distinct texts whose tokens are kept. */
const KEPT = 4096;

/**
 * Tokens of samples whose pictures are held: a sample's own caption was tokenized when its picture was decoded, one that is made from
 * class names and templates changes from epoch to epoch, and is made here.
 */
export class EpochCaptions {
  readonly #reader: Reader;
  readonly #tokenizer: Pick<Tokenizer, 'encode' | 'contextLength'>;
  readonly #own: Int32Array;
  readonly #known = new Map<string, Int32Array>();

  /** @param own [n, L], row by id: tokens of the samples' own captions */
  constructor(
    dataset: Dataset,
    { tokenizer, own }: { tokenizer: Pick<Tokenizer, 'encode' | 'contextLength'>; own: Int32Array },
  ) {
    this.#reader = new Reader(dataset.index);
    this.#tokenizer = tokenizer;
    this.#own = own;
  }

  /** Tokens [B, L] of samples, as the loader gives them for the same seed and epochs. */
  tokens(samples: readonly { id: number; epoch: number }[], seed: number): Int32Array {
    const { contextLength } = this.#tokenizer;
    const tokens = new Int32Array(samples.length * contextLength);
    for (const [row, { id, epoch }] of samples.entries())
      tokens.set(this.#of(id, { seed, epoch }), row * contextLength);
    return tokens;
  }

  #of(id: number, draw: { seed: number; epoch: number }): Int32Array {
    const { contextLength } = this.#tokenizer;
    const source = this.#reader.captionSource(id);
    const text = hasOwnCaption(id, source) ? undefined : captionOf(id, source, draw);
    if (text === undefined) return this.#own.subarray(id * contextLength, (id + 1) * contextLength);
    const known = this.#known.get(text);
    if (known) return known;
    if (this.#known.size >= KEPT) this.#known.clear();
    const tokens = this.#tokenizer.encode(text);
    this.#known.set(text, tokens);
    return tokens;
  }
}
