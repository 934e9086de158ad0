import { Bpe, CLIP_WORDS, decodeTokens, wordRegExp } from './bpe.ts';
import { cleanCaption } from './clean.ts';
import { clipTokens } from './clip.ts';
import type { CheckedJson } from './json.ts';
import type { TextFrame, Tokenizer, TokenizerSpec } from './tokenizer.ts';

// This file runs in browsers too: it and what it imports use nothing of Node.

/** Ids without frame and padding. */
export interface Encoder {
  readonly vocabSize: number;
  /** Where there is one. */
  readonly startOfText?: number;
  readonly endOfText: number;
  /** What was read of the tokenizer.json. */
  readonly json?: CheckedJson;
  /** At least the first `limit` ids. */
  ids(text: string, limit: number): ArrayLike<number>;
  text(ids: number[]): string;
}

export const CLIP_FRAME: TextFrame = { start: true, padId: 0 };

/** Puts start, end and padding around an encoder's ids. */
export function frameEncoder(encoder: Encoder, spec: TokenizerSpec): Tokenizer {
  const { vocabSize, endOfText } = encoder;
  const { contextLength, frame = CLIP_FRAME } = spec;
  const startOfText = frame.start ? encoder.startOfText : undefined;
  const before = startOfText === undefined ? 0 : 1;
  const most = contextLength - before - 1;
  const write = (out: Int32Array, row: number, text: string): void => {
    const ids = encoder.ids(text, most);
    const count = Math.min(ids.length, most);
    const rowStart = row * contextLength;
    if (startOfText !== undefined) out[rowStart] = startOfText;
    for (let i = 0; i < count; i++) out[rowStart + before + i] = ids[i] as number;
    out[rowStart + before + count] = endOfText;
  };
  const encodeBatch = (texts: readonly string[]): Int32Array => {
    const out = new Int32Array(texts.length * contextLength).fill(frame.padId);
    texts.forEach((text, row) => {
      write(out, row, text);
    });
    return out;
  };
  return {
    spec,
    vocabSize,
    contextLength,
    ...(startOfText !== undefined && { startOfText }),
    endOfText,
    encode: (text) => encodeBatch([text]),
    encodeBatch,
    decode: (ids) => encoder.text(withoutFrame(ids, startOfText, endOfText)),
  };
}

function withoutFrame(ids: ArrayLike<number>, start: number | undefined, end: number): number[] {
  const all = Array.from(ids);
  const stop = all.indexOf(end);
  return all.slice(all[0] === start ? 1 : 0, stop < 0 ? all.length : stop);
}

/** As open_clip: a caption that contains `<start_of_text>` gets its id, unless other marks stand right before it. */
export function clipEncoder(merges: readonly (readonly [string, string])[]): Encoder {
  const tokens = clipTokens(merges.map(([left, right]) => left + right));
  const vocabSize = tokens.length;
  const bpe = new Bpe({ vocab: new Map(tokens.map((token, id) => [token, id])), merges });
  const special = ['<start_of_text>', '<end_of_text>'];
  const specials = new Map(special.map((token, i) => [token, Int32Array.of(vocabSize - 2 + i)]));
  const words = wordRegExp([...special, CLIP_WORDS].join('|'));
  return {
    vocabSize,
    startOfText: vocabSize - 2,
    endOfText: vocabSize - 1,
    ids(text, limit) {
      const out: number[] = [];
      for (const word of cleanCaption(text).matchAll(words)) {
        if (out.length >= limit) break;
        for (const id of specials.get(word[0]) ?? bpe.encodeWord(word[0])) out.push(id);
      }
      return out;
    },
    text: (ids) => decodeTokens(ids.map((id) => tokens[id] ?? '')),
  };
}
