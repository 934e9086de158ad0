import { CoupletError } from '../../errors.ts';
import { BYTE_CHARS, BYTE_ORDER, WORDS, wordRegExp } from './bpe.ts';
import { Heap } from './bpe-heap.ts';
import { clipTokenizerJson, clipTokens } from './clip.ts';
import { lowerCase } from './normalizer.ts';

const PAIR_BASE = 2 ** 24;
const FIXED_TOKENS = 512 + 2;

export interface TrainBpeOptions {
  /** Upper limit of tokens: 512 for bytes, the learned ones, 2 special ones. */
  readonly vocabSize: number;
  /** Smallest count of a learned pair. */
  readonly minCount?: number;
}

/**
 * Learns a byte-level BPE (Sennrich et al. 2016) from words, split as CLIP splits them. Ties go to the pair of smaller ids.
 * @throws CoupletError when the captions hold no word
 */
export async function trainBpe(
  captions: AsyncIterable<string> | Iterable<string>,
  { vocabSize, minCount = 2 }: TrainBpeOptions,
) {
  if (!Number.isSafeInteger(vocabSize) || vocabSize < FIXED_TOKENS) {
    throw new CoupletError(
      `vocabSize must be a whole number of at least ${FIXED_TOKENS} (512 for bytes and 2 special tokens), got ${vocabSize}.`,
    );
  }
  const counts = await countWords(captions);
  if (counts.size === 0) {
    throw new CoupletError('The captions hold no word to learn a tokenizer from. Check the caption column.');
  }
  const learner = new Learner(counts);
  const { tokens, merges } = learner.learn(vocabSize - FIXED_TOKENS, minCount);
  return clipTokenizerJson(clipTokens(tokens), merges);
}

async function countWords(captions: AsyncIterable<string> | Iterable<string>): Promise<Map<string, number>> {
  const words = wordRegExp(WORDS);
  const counts = new Map<string, number>();
  const add = (caption: string): void => {
    for (const word of lowerCase(caption.normalize('NFC')).match(words) ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  };
  if (Symbol.asyncIterator in captions) for await (const caption of captions) add(caption);
  else for (const caption of captions) add(caption);
  return counts;
}

interface Candidate {
  readonly pair: number;
  readonly count: number;
}

/** Words as ids, with an up-to-date count of every adjacent pair. */
class Learner {
  readonly #words: number[][] = [];
  readonly #weights: number[] = [];
  readonly #pairCounts = new Map<number, number>();
  readonly #pairWords = new Map<number, Set<number>>();
  readonly #changed = new Set<number>();
  readonly #heap = new Heap<Candidate>(
    (a, b) => a.count > b.count || (a.count === b.count && a.pair < b.pair),
  );
  readonly #tokens: string[] = clipTokens([]).slice(0, 512);
  readonly #ids = new Map(this.#tokens.map((token, id) => [token, id]));

  constructor(counts: ReadonlyMap<string, number>) {
    const idOfByte: number[] = [];
    BYTE_ORDER.forEach((byte, id) => {
      idOfByte[byte] = id;
    });
    for (const [word, count] of counts) {
      const ids = Array.from(Buffer.from(word, 'utf8'), (byte) => idOfByte[byte] as number);
      ids[ids.length - 1] = (ids.at(-1) as number) + BYTE_CHARS.length;
      this.#weights.push(count);
      this.#words.push(ids);
      this.#count(this.#words.length - 1, count);
    }
    this.#offerChanged();
  }

  learn(newTokens: number, minCount: number) {
    const merges: [string, string][] = [];
    const learned = new Set<number>();
    const tokenLimit = 512 + newTokens;
    while (this.#tokens.length < tokenLimit) {
      const best = this.#heap.pop();
      if (!best || best.count < minCount) break;
      if (this.#pairCounts.get(best.pair) !== best.count) continue; // stale: a changed count is offered again
      const right = best.pair % PAIR_BASE;
      const left = (best.pair - right) / PAIR_BASE;
      // A later merge can make one of its halves again: join it again, list it once.
      if (!learned.has(best.pair)) merges.push([this.#tokens[left] as string, this.#tokens[right] as string]);
      learned.add(best.pair);
      this.#join(left, right);
    }
    return { tokens: this.#tokens.slice(512), merges };
  }

  #join(left: number, right: number): void {
    const joined = this.#idOfJoined(left, right);
    const pair = left * PAIR_BASE + right;
    for (const index of this.#pairWords.get(pair) ?? []) {
      const weight = this.#weights[index] as number;
      this.#count(index, -weight);
      this.#words[index] = joinPair(this.#words[index] as number[], { left, right, joined });
      this.#count(index, weight);
    }
    this.#pairWords.delete(pair);
    this.#offerChanged();
  }

  /** Two pairs can give one text ("a"+"bc", "ab"+"c"): it keeps its first id. */
  #idOfJoined(left: number, right: number): number {
    const text = `${this.#tokens[left]}${this.#tokens[right]}`;
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.#tokens.length);
    return this.#tokens.push(text) - 1;
  }

  #count(index: number, weight: number): void {
    const ids = this.#words[index] as number[];
    for (let i = 0; i + 1 < ids.length; i++) {
      const pair = (ids[i] as number) * PAIR_BASE + (ids[i + 1] as number);
      this.#pairCounts.set(pair, (this.#pairCounts.get(pair) ?? 0) + weight);
      this.#changed.add(pair);
      if (weight > 0) this.#remember(pair, index);
    }
  }

  #remember(pair: number, index: number): void {
    const words = this.#pairWords.get(pair);
    if (words) words.add(index);
    else this.#pairWords.set(pair, new Set([index]));
  }

  #offerChanged(): void {
    for (const pair of this.#changed) {
      const count = this.#pairCounts.get(pair) as number;
      if (count > 0) this.#heap.push({ pair, count });
      else this.#pairCounts.delete(pair);
    }
    this.#changed.clear();
  }
}

function joinPair(ids: readonly number[], pair: { left: number; right: number; joined: number }): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const isPair = ids[i] === pair.left && ids[i + 1] === pair.right;
    out.push(isPair ? pair.joined : (ids[i] as number));
    if (isPair) i++;
  }
  return out;
}
