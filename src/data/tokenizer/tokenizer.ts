import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { writeFileAtomically } from '../../io/atomic.ts';
import { Bpe, CLIP_WORDS, decodeTokens, WORDS, wordRegExp } from './bpe.ts';
import { trainBpe } from './bpe-train.ts';
import { cleanCaption, squeeze } from './clean.ts';
import { clipMerges, clipTokens } from './clip.ts';
import { isClipShaped, libraryEncoder, parseTokenizerJson, specialIds, type TokenizerJson } from './json.ts';

/** Plain data, from which a worker thread makes the same tokenizer. */
export type TokenizerSpec =
  | { readonly type: 'clip'; readonly contextLength: number }
  | { readonly type: 'json'; readonly json: TokenizerJson; readonly contextLength: number };

export interface Tokenizer {
  readonly spec: TokenizerSpec;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** L, ids per encoded caption. */
  readonly contextLength: number;
  readonly startOfText: number;
  /** The largest id: the text tower pools at the arg max. */
  readonly endOfText: number;
  /** [L]: start, the caption's ids, end, zeros. The last id of a cut caption is the end, as in open_clip. */
  encode(text: string): Int32Array;
  /** [B*L], row after row. */
  encodeBatch(texts: readonly string[]): Int32Array;
  /** Without start, end and padding. */
  decode(ids: ArrayLike<number>): string;
}

export const tokenizerConfigSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('clip').describe("CLIP's own tokenizer") }),
  z.strictObject({
    type: z.literal('file').describe('any Hugging Face tokenizer'),
    path: z.string().min(1).describe('path of a tokenizer.json'),
  }),
  z.strictObject({
    type: z.literal('bpe').describe('byte pairs learned from the captions of the training data'),
    vocabSize: z
      .int()
      .min(514)
      .max(1_000_000)
      .default(4096)
      .describe('number of ids: 512 for bytes, 2 special ones, the rest learned pairs'),
  }),
]);
export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

/** Ids without frame and padding. */
interface Encoder {
  readonly vocabSize: number;
  readonly startOfText: number;
  readonly endOfText: number;
  /** At least the first `limit` ids. */
  ids(text: string, limit: number): ArrayLike<number>;
  text(ids: number[]): string;
}

/** @throws CoupletError for a bad `contextLength` or an unfit tokenizer.json */
export function createTokenizer(spec: TokenizerSpec): Tokenizer {
  const { contextLength } = spec;
  if (!Number.isSafeInteger(contextLength) || contextLength < 2) {
    throw new CoupletError(
      `contextLength must be a whole number of at least 2 (start and end of text), got ${contextLength}. CLIP uses 77.`,
    );
  }
  const encoder = makeEncoder(spec);
  const { vocabSize, startOfText, endOfText } = encoder;
  const write = (out: Int32Array, row: number, text: string): void => {
    const ids = encoder.ids(text, contextLength - 2);
    const count = Math.min(ids.length, contextLength - 2);
    const rowStart = row * contextLength;
    out[rowStart] = startOfText;
    for (let i = 0; i < count; i++) out[rowStart + 1 + i] = ids[i] as number;
    out[rowStart + 1 + count] = endOfText;
  };
  const encodeBatch = (texts: readonly string[]): Int32Array => {
    const out = new Int32Array(texts.length * contextLength);
    texts.forEach((text, row) => {
      write(out, row, text);
    });
    return out;
  };
  return {
    spec,
    vocabSize,
    contextLength,
    startOfText,
    endOfText,
    encode: (text) => encodeBatch([text]),
    encodeBatch,
    decode: (ids) => encoder.text(withoutFrame(ids, startOfText, endOfText)),
  };
}

function withoutFrame(ids: ArrayLike<number>, start: number, end: number): number[] {
  const all = Array.from(ids);
  const stop = all.indexOf(end);
  return all.slice(all[0] === start ? 1 : 0, stop < 0 ? all.length : stop);
}

function makeEncoder(spec: TokenizerSpec): Encoder {
  if (spec.type === 'clip') {
    const merges = clipMerges();
    const tokens = clipTokens(merges.map(([left, right]) => left + right));
    // open_clip's spelling: a caption that contains these gets their ids.
    const special = ['<start_of_text>', '<end_of_text>'] as const;
    return wordEncoder({ tokens, merges, special, pattern: CLIP_WORDS, clean: cleanCaption });
  }
  const { json } = spec;
  if (!isClipShaped(json)) {
    const library = libraryEncoder(json);
    const { vocabSize } = library;
    return { ...specialIds(json, vocabSize), vocabSize, ids: library.encode, text: library.decode };
  }
  return wordEncoder(clipShapedParts(json));
}

interface WordEncoderParts {
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
  /** Spelling of the last two tokens in a caption. */
  readonly special: readonly [string, string];
  /** Matches a word of a clean caption. */
  readonly pattern: string;
  readonly clean: (text: string) => string;
}

function clipShapedParts(json: TokenizerJson): WordEncoderParts {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  for (const { id, content } of json.added_tokens) tokens[id] = content;
  const { startOfText, endOfText } = specialIds(json, tokens.length);
  if (startOfText !== endOfText - 1) {
    throw new CoupletError(
      `The tokenizer's start-of-text token must come right before its end (${endOfText}), it has ${startOfText}.`,
    );
  }
  const merges = json.model.merges.map((merge) =>
    typeof merge === 'string' ? (merge.split(' ') as [string, string]) : merge,
  );
  const special = [tokens[startOfText] as string, tokens[endOfText] as string] as const;
  return {
    tokens,
    merges,
    special,
    pattern: WORDS,
    clean: (text) => squeeze(text.normalize('NFC')).toLowerCase(),
  };
}

function wordEncoder({ tokens, merges, special, pattern, clean }: WordEncoderParts): Encoder {
  const vocabSize = tokens.length;
  const bpe = new Bpe({ vocab: new Map(tokens.map((token, id) => [token, id])), merges });
  const specials = new Map(special.map((token, i) => [token, Int32Array.of(vocabSize - 2 + i)]));
  const escaped = special.map((token) => token.replaceAll('|', '\\|'));
  const words = wordRegExp([...escaped, pattern].join('|'));
  return {
    vocabSize,
    startOfText: vocabSize - 2,
    endOfText: vocabSize - 1,
    ids(text, limit) {
      const out: number[] = [];
      for (const word of clean(text).matchAll(words)) {
        if (out.length >= limit) break;
        for (const id of specials.get(word[0]) ?? bpe.encodeWord(word[0])) out.push(id);
      }
      return out;
    },
    text: (ids) => decodeTokens(ids.map((id) => tokens[id] ?? '')),
  };
}

export interface LoadTokenizerOptions {
  readonly contextLength: number;
  /** For `{ type: 'bpe' }` without a cache; read once. */
  readonly captions?: AsyncIterable<string> | Iterable<string>;
  /** The run's `tokenizer.json`, where `{ type: 'bpe' }` is kept for a resume. */
  readonly cachePath?: string;
}

/** @throws CoupletError for a missing or unfit file, or captions without words */
export async function loadTokenizer(
  config: TokenizerConfig,
  { contextLength, captions, cachePath }: LoadTokenizerOptions,
): Promise<Tokenizer> {
  if (config.type === 'clip') return createTokenizer({ type: 'clip', contextLength });
  if (config.type === 'file') {
    return createTokenizer({ type: 'json', json: await readTokenizerJson(config.path), contextLength });
  }
  const cached = cachePath ? await readTokenizerJson(cachePath).catch(nothingIfMissing) : undefined;
  if (!cached && !captions) {
    throw new CoupletError(
      `tokenizer { type: 'bpe' } learns from captions, and there are none${cachePath ? `, nor is there a ${cachePath}` : ''}. Use { type: 'clip' } or a source with captions.`,
    );
  }
  const json = cached ?? (await trainBpe(captions as Iterable<string>, { vocabSize: config.vocabSize }));
  if (!cached && cachePath) await writeFileAtomically(cachePath, `${JSON.stringify(json, null, 1)}\n`);
  return createTokenizer({ type: 'json', json, contextLength });
}

function nothingIfMissing(error: unknown): undefined {
  const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
  if (code !== 'ENOENT') throw error;
}

async function readTokenizerJson(path: string): Promise<TokenizerJson> {
  try {
    return parseTokenizerJson(JSON.parse(await readFile(path, 'utf8')), path);
  } catch (cause) {
    if (cause instanceof CoupletError) throw cause;
    const reason = (cause as Error).message;
    throw new CoupletError(
      `Cannot read the tokenizer ${path}: ${reason}. It should be a Hugging Face tokenizer.json; check the path.`,
      { cause },
    );
  }
}
