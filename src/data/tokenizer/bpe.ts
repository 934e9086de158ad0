import { CoupletError } from '../../errors.ts';
import { Heap } from './bpe-heap.ts';

/*
 * Byte-pair encoding over UTF-8 bytes, with `</w>` at the end of a word (Sennrich et al. 2016, as in CLIP): joins the adjacent pair of
 * the lowest rank until none is left.
 */

/** The 256 bytes in the order of their ids: printable Latin-1 first. */
export const BYTE_ORDER: readonly number[] = byteOrder();

/** `BYTE_CHARS[b]` stands for byte b in a vocabulary. */
export const BYTE_CHARS: readonly string[] = byteChars();

/** Words of a lower-cased caption, as in CLIP's tokenizer.json. */
export const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/** As Python's regex reads it without case: ſ is an s, and the iota below matches nothing. */
export const CLIP_WORDS = "'[sſ]|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}\\u0345]+";

/** JavaScript's `\s` has the byte order mark, Rust's and Python's do not. */
export const wordRegExp = (pattern: string): RegExp =>
  new RegExp(pattern.replaceAll('\\s', '\\p{White_Space}'), 'gu');

// Two ids, or a rank and a position, as one exact number.
const PAIR_BASE = 2 ** 24;
const POSITION_BASE = 2 ** 30;
const MAX_CACHED_WORDS = 200_000;
const MAX_CACHED_LENGTH = 40;

const encoder = new TextEncoder();

export const utf8Bytes = (text: string): Uint8Array => encoder.encode(text);

/** Two tokens, written `a b` or `["a", "b"]`. */
export function pairOf(merge: unknown): readonly [string, string] | undefined {
  const pair: unknown = typeof merge === 'string' ? merge.split(' ', 3) : merge;
  if (!Array.isArray(pair) || pair.length !== 2) return undefined;
  return pair.every((token) => typeof token === 'string') ? (pair as [string, string]) : undefined;
}

export interface BpeTable {
  readonly vocab: ReadonlyMap<string, number>;
  /** Lowest rank first. */
  readonly merges: Iterable<readonly [string, string]>;
}

export class Bpe {
  readonly #byteIds: Int32Array; // [512]: inside a word, then at its end
  readonly #ranks = new Map<number, number>();
  readonly #joined: number[] = [];
  #cache = new Map<string, Int32Array>();

  constructor({ vocab, merges }: BpeTable) {
    this.#byteIds = Int32Array.from({ length: 512 }, (_, i) =>
      idOf(vocab, i < 256 ? (BYTE_CHARS[i] as string) : `${BYTE_CHARS[i - 256]}</w>`),
    );
    for (const [left, right] of merges) {
      this.#ranks.set(idOf(vocab, left) * PAIR_BASE + idOf(vocab, right), this.#joined.length);
      this.#joined.push(idOf(vocab, left + right));
    }
  }

  /** Ids of one word, without start and end of text. */
  encodeWord(word: string): Int32Array {
    const known = this.#cache.get(word);
    if (known) return known;
    const ids = this.#merge(this.#symbols(word));
    if (word.length <= MAX_CACHED_LENGTH) {
      if (this.#cache.size >= MAX_CACHED_WORDS) this.#cache = new Map();
      this.#cache.set(word, ids);
    }
    return ids;
  }

  #symbols(word: string): Int32Array {
    const bytes = utf8Bytes(word);
    const ids = new Int32Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) ids[i] = this.#byteIds[bytes[i] as number] as number;
    if (bytes.length > 0) ids[bytes.length - 1] = this.#byteIds[256 + (bytes.at(-1) as number)] as number;
    return ids;
  }

  /** O(n log n), since a text without spaces is one word. In place over a linked list. */
  #merge(ids: Int32Array): Int32Array {
    const n = ids.length;
    const next = Int32Array.from({ length: n }, (_, i) => i + 1);
    const previous = Int32Array.from({ length: n }, (_, i) => i - 1);
    const heap = new Heap<number>((a, b) => a < b);
    const rankAt = (i: number): number | undefined =>
      i >= 0 && (next[i] as number) < n
        ? this.#ranks.get((ids[i] as number) * PAIR_BASE + (ids[next[i] as number] as number))
        : undefined;
    const offer = (i: number): void => {
      const rank = rankAt(i);
      if (rank !== undefined) heap.push(rank * POSITION_BASE + i);
    };
    for (let i = 0; i < n; i++) offer(i);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const i = top % POSITION_BASE;
      const rank = (top - i) / POSITION_BASE;
      if (ids[i] === -1 || rankAt(i) !== rank) continue; // stale: an earlier merge took one of the two
      const absorbed = next[i] as number;
      ids[i] = this.#joined[rank] as number;
      ids[absorbed] = -1;
      next[i] = next[absorbed] as number;
      if ((next[i] as number) < n) previous[next[i] as number] = i;
      offer(i);
      offer(previous[i] as number);
    }
    return ids.filter((id) => id !== -1);
  }
}

function idOf(vocab: ReadonlyMap<string, number>, token: string): number {
  const id = vocab.get(token);
  if (id === undefined) {
    throw new CoupletError(
      `The tokenizer's merges use the token ${JSON.stringify(token)}, which its vocabulary lacks: the file is damaged or not a byte-level BPE. Make it again.`,
    );
  }
  return id;
}

/** An end-of-word mark becomes a space, invalid UTF-8 U+FFFD. */
export function decodeTokens(tokens: readonly string[]): string {
  const bytes = tokens.flatMap((token) => {
    const text = token.endsWith('</w>') ? `${token.slice(0, -4)}${BYTE_CHARS[0x20]}` : token;
    return Array.from(text, (char) => BYTE_VALUES.get(char) ?? 0x3f);
  });
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)).trim();
}

function byteOrder(): number[] {
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return [...all.filter(printable), ...all.filter((byte) => !printable(byte))];
}

function byteChars(): string[] {
  const chars: string[] = [];
  const printableBytes = 188; // stand for themselves
  BYTE_ORDER.forEach((byte, i) => {
    chars[byte] = String.fromCharCode(i < printableBytes ? byte : 256 + i - printableBytes);
  });
  return chars;
}

const BYTE_VALUES = new Map(BYTE_CHARS.map((char, byte) => [char, byte]));
