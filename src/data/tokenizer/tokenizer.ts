import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { writeFileAtomically } from '../../io/atomic.ts';
import { Bpe, CLIP_WORDS, decodeTokens, WORDS, wordRegExp } from './bpe.ts';
import { trainBpe } from './bpe-train.ts';
import { cleanCaption, squeeze } from './clean.ts';
import { clipMerges, clipTokens } from './clip.ts';
import { isClipShaped, libraryEncoder, parseTokenizerJson, specialIds, type TokenizerJson } from './json.ts';

/** All that a worker needs to make the same tokenizer: plain data for `structuredClone` and `postMessage`. */
export type TokenizerSpec =
  | { readonly type: 'clip'; readonly contextLength: number }
  | { readonly type: 'json'; readonly json: TokenizerJson; readonly contextLength: number };

/** Captions to ids. */
export interface Tokenizer {
  readonly spec: TokenizerSpec;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** Length L of every encoded caption. */
  readonly contextLength: number;
  readonly startOfText: number;
  /** The largest id, so that the arg max of a caption's ids is its end. */
  readonly endOfText: number;
  /** Ids [L]: start, the caption's, end, then zeros; a longer caption is cut so that its last id is the end, as in open_clip. */
  encode(text: string): Int32Array;
  /** Ids [B*L] of B captions, row after row. */
  encodeBatch(texts: readonly string[]): Int32Array;
  /** Text of ids, without start, end and what follows the end. */
  decode(ids: ArrayLike<number>): string;
}

/** The `tokenizer` part of a config. */
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
      .describe('number of ids: 512 bytes, 2 special ones, and learned pairs'),
  }),
]);
export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

/** How one kind of tokenizer makes ids; framing and padding are the same for all. */
interface Encoder {
  readonly vocabSize: number;
  readonly startOfText: number;
  readonly endOfText: number;
  /** At least the first `limit` ids of the text. */
  ids(text: string, limit: number): ArrayLike<number>;
  text(ids: number[]): string;
}

/** Makes a tokenizer. Throws a CoupletError for a tokenizer.json that cannot serve. */
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
    const at = row * contextLength;
    out[at] = startOfText;
    for (let i = 0; i < count; i++) out[at + 1 + i] = ids[i] as number;
    out[at + 1 + count] = endOfText;
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
    decode: (ids) => encoder.text(inner(ids, startOfText, endOfText)),
  };
}

/** The ids between start and end. */
function inner(ids: ArrayLike<number>, start: number, end: number): number[] {
  const all = Array.from(ids);
  const stop = all.indexOf(end);
  return all.slice(all[0] === start ? 1 : 0, stop < 0 ? all.length : stop);
}

function makeEncoder(spec: TokenizerSpec): Encoder {
  if (spec.type === 'clip') {
    const merges = clipMerges();
    const tokens = clipTokens(merges.map(([left, right]) => left + right));
    // open_clip's tokenizer spells its special tokens this way, and a caption that contains them gets their ids.
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
  /** How a caption may spell the two last tokens. */
  readonly special: readonly [string, string];
  /** What splits a clean caption into words. */
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

/** CLIP's way: clean, split into words, byte-pair encode each. */
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
  /** What `{ type: 'bpe' }` learns from; read once, and not at all when the cache holds the result. */
  readonly captions?: AsyncIterable<string> | Iterable<string>;
  /** Where `{ type: 'bpe' }` keeps what it learned (the run's `tokenizer.json`), and finds it again on resume. */
  readonly cachePath?: string;
}

/** Makes the tokenizer that a config asks for. Throws a CoupletError for a missing or unfit file, or captions without words. */
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
