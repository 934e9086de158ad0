import { captionOf, captionVaries } from '../dataset/captions.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { Reader } from '../dataset/reader.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** Distinct texts with cached tokens. */
const MAX_TEXTS = 4096;
const UNKNOWN = 2;

/**
 * Tokens of samples whose pictures are on the device. A sample's only caption is tokenized once; one of a list, or from class
 * names and templates, changes with the epoch.
 */
export class EpochCaptions {
  readonly #reader: Reader;
  readonly #tokenizer: Pick<Tokenizer, 'encode' | 'contextLength'>;
  readonly #ownTokens: Int32Array;
  readonly #tokensByText = new Map<string, Int32Array>();
  /** By id: whether its caption changes with the epoch. */
  readonly #varies: Uint8Array;

  /** @param ownTokens [n, L]: tokens of the samples' own captions, by id */
  constructor(
    dataset: Dataset,
    {
      tokenizer,
      ownTokens,
    }: { tokenizer: Pick<Tokenizer, 'encode' | 'contextLength'>; ownTokens: Int32Array },
  ) {
    this.#reader = new Reader(dataset.index);
    this.#tokenizer = tokenizer;
    this.#ownTokens = ownTokens;
    this.#varies = new Uint8Array(dataset.size).fill(UNKNOWN);
  }

  /** The loader's tokens, [B, L]. */
  tokens(samples: readonly { id: number; epoch: number }[], seed: number): Int32Array {
    const { contextLength } = this.#tokenizer;
    const tokens = new Int32Array(samples.length * contextLength);
    for (const [row, { id, epoch }] of samples.entries())
      tokens.set(this.#tokensOf(id, { seed, epoch }), row * contextLength);
    return tokens;
  }

  #tokensOf(id: number, draw: { seed: number; epoch: number }): Int32Array {
    const { contextLength } = this.#tokenizer;
    const source = this.#reader.captionSource(id);
    if (this.#varies[id] === UNKNOWN) this.#varies[id] = Number(captionVaries(id, source));
    const text = this.#varies[id] === 0 ? undefined : captionOf(id, source, draw);
    if (text === undefined) return this.#ownTokens.subarray(id * contextLength, (id + 1) * contextLength);
    const known = this.#tokensByText.get(text);
    if (known) return known;
    if (this.#tokensByText.size >= MAX_TEXTS) this.#tokensByText.clear();
    const tokens = this.#tokenizer.encode(text);
    this.#tokensByText.set(text, tokens);
    return tokens;
  }
}
