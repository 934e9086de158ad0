import { CoupletError } from '../../errors.ts';
import { Heap } from './bpe-heap.ts';

/*
 * Byte-level byte-pair encoding with an end-of-word mark (Sennrich et al. 2016, as in CLIP): a word's UTF-8 bytes are symbols, the
 * last one marked `</w>`; the adjacent pair of the lowest rank is joined until none can be.
 */

/** The 256 characters that stand for bytes in a vocabulary, in the order of their ids: printable Latin-1 first. */
export const BYTE_ORDER: readonly number[] = byteOrder();

/** BYTE_CHARS[b] stands for byte b. */
export const BYTE_CHARS: readonly string[] = byteChars();

/** What splits a lower-cased caption into words, as CLIP's tokenizer.json has it. */
export const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/** The same as Python's regex reads it without regard to case: a long s is an s, and the iota below falls through. */
export const CLIP_WORDS = "'[sſ]|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}\\u0345]+";

/** A pattern as JavaScript must read it: its own `\s` counts the byte order mark as a space, Rust's and Python's do not. */
export const wordRegExp = (pattern: string): RegExp =>
  new RegExp(pattern.replaceAll('\\s', '\\p{White_Space}'), 'gu');

const PAIR = 2 ** 24; // a pair of ids as one exact number
const POSITIONS = 2 ** 30;
const CACHED_WORDS = 200_000;
const CACHED_LENGTH = 40;

export interface BpeTable {
  /** Token text to id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** The two halves of each merge, the most urgent first. */
  readonly merges: Iterable<readonly [string, string]>;
}

/** Encodes words; remembers them. */
export class Bpe {
  readonly #byteIds: Int32Array; // [256] inside a word, then [256] at its end
  readonly #ranks = new Map<number, number>();
  readonly #joined: number[] = [];
  #cache = new Map<string, Int32Array>();

  constructor({ vocab, merges }: BpeTable) {
    this.#byteIds = Int32Array.from({ length: 512 }, (_, i) =>
      idOf(vocab, i < 256 ? (BYTE_CHARS[i] as string) : `${BYTE_CHARS[i - 256]}</w>`),
    );
    for (const [left, right] of merges) {
      this.#ranks.set(idOf(vocab, left) * PAIR + idOf(vocab, right), this.#joined.length);
      this.#joined.push(idOf(vocab, left + right));
    }
  }

  /** The ids of one word, without marks of beginning and end. */
  encodeWord(word: string): Int32Array {
    const known = this.#cache.get(word);
    if (known) return known;
    const ids = this.#merge(this.#symbols(word));
    if (word.length <= CACHED_LENGTH) {
      if (this.#cache.size >= CACHED_WORDS) this.#cache = new Map();
      this.#cache.set(word, ids);
    }
    return ids;
  }

  #symbols(word: string): Int32Array {
    const bytes = Buffer.from(word, 'utf8');
    const ids = new Int32Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) ids[i] = this.#byteIds[bytes[i] as number] as number;
    if (bytes.length > 0) ids[bytes.length - 1] = this.#byteIds[256 + (bytes.at(-1) as number)] as number;
    return ids;
  }

  /** O(n log n): a word may be a whole text in a script without spaces. Works in place over a list linked by `next`. */
  #merge(ids: Int32Array): Int32Array {
    const n = ids.length;
    const next = Int32Array.from({ length: n }, (_, i) => i + 1);
    const previous = Int32Array.from({ length: n }, (_, i) => i - 1);
    const heap = new Heap<number>((a, b) => a < b); // rank, then position
    const rankAt = (i: number): number | undefined =>
      i >= 0 && (next[i] as number) < n
        ? this.#ranks.get((ids[i] as number) * PAIR + (ids[next[i] as number] as number))
        : undefined;
    const offer = (i: number): void => {
      const rank = rankAt(i);
      if (rank !== undefined) heap.push(rank * POSITIONS + i);
    };
    for (let i = 0; i < n; i++) offer(i);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const i = top % POSITIONS;
      const rank = (top - i) / POSITIONS;
      if (ids[i] === -1 || rankAt(i) !== rank) continue; // an earlier merge took one of the two
      const gone = next[i] as number;
      ids[i] = this.#joined[rank] as number;
      ids[gone] = -1;
      next[i] = next[gone] as number;
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

/** Bytes of tokens back to text; an end-of-word mark becomes a space. Invalid UTF-8 becomes U+FFFD. */
export function decodeTokens(tokens: readonly string[]): string {
  const bytes = tokens.flatMap((token) => {
    const text = token.endsWith('</w>') ? `${token.slice(0, -4)}${BYTE_CHARS[0x20]}` : token;
    return Array.from(text, (char) => BYTE_VALUES.get(char) ?? 0x3f);
  });
  return Buffer.from(bytes).toString('utf8').trim();
}

function byteOrder(): number[] {
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return [...all.filter(printable), ...all.filter((byte) => !printable(byte))];
}

function byteChars(): string[] {
  const chars: string[] = [];
  const visible = 188; // those stand for themselves, the rest for 256 and up
  BYTE_ORDER.forEach((byte, i) => {
    chars[byte] = String.fromCharCode(i < visible ? byte : 256 + i - visible);
  });
  return chars;
}

const BYTE_VALUES = new Map(BYTE_CHARS.map((char, byte) => [char, byte]));
