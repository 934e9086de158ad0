import { existsSync } from 'node:fs';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { writeFileAtomically } from '../../io/atomic.ts';
import { readJsonFile } from '../../io/json-file.ts';
import { Bpe, CLIP_WORDS, decodeTokens, wordRegExp } from './bpe.ts';
import { trainBpe } from './bpe-train.ts';
import { cleanCaption } from './clean.ts';
import { clipMerges, clipTokens } from './clip.ts';
import { type CheckedJson, parseTokenizerJson, specialIds, type TokenizerJson } from './json.ts';
import { makeJsonEncoder } from './json-encoder.ts';

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
  /** What was read of the tokenizer.json. */
  readonly json?: CheckedJson;
  /** At least the first `limit` ids. */
  ids(text: string, limit: number): ArrayLike<number>;
  text(ids: number[]): string;
}

/**
 * @param path of the tokenizer.json, for the errors
 * @throws CoupletError for a bad `contextLength` or an unfit tokenizer.json
 */
export function createTokenizer(spec: TokenizerSpec, path = 'The tokenizer'): Tokenizer {
  const { contextLength } = spec;
  if (!Number.isSafeInteger(contextLength) || contextLength < 2) {
    throw new CoupletError(
      `contextLength must be a whole number of at least 2 (start and end of text), got ${contextLength}. CLIP uses 77.`,
    );
  }
  const encoder = spec.type === 'clip' ? clipEncoder() : fileEncoder(spec.json, path);
  const { vocabSize, startOfText, endOfText, json } = encoder;
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
    spec: json ? { type: 'json', json, contextLength } : spec,
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

function fileEncoder(json: unknown, path: string): Encoder {
  const { checked, tokens } = parseTokenizerJson(json, path);
  const vocabSize = tokens.length;
  return {
    ...specialIds(checked, vocabSize),
    vocabSize,
    json: checked,
    ...makeJsonEncoder(checked, tokens),
  };
}

/** As open_clip: a caption that contains `<start_of_text>` gets its id, unless other marks stand right before it. */
function clipEncoder(): Encoder {
  const merges = clipMerges();
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
    return createTokenizer(
      { type: 'json', json: readTokenizerJson(config.path), contextLength },
      config.path,
    );
  }
  const cached = cachePath && existsSync(cachePath) ? readTokenizerJson(cachePath) : undefined;
  if (!cached && !captions) {
    throw new CoupletError(
      `tokenizer { type: 'bpe' } learns from captions, and there are none${cachePath ? `, nor is there a ${cachePath}` : ''}. Use { type: 'clip' } or a source with captions.`,
    );
  }
  const json = cached ?? (await trainBpe(captions as Iterable<string>, { vocabSize: config.vocabSize }));
  if (!cached && cachePath) await writeFileAtomically(cachePath, `${JSON.stringify(json, null, 1)}\n`);
  return createTokenizer({ type: 'json', json, contextLength }, cachePath);
}

/** Unchecked: createTokenizer checks it. */
const readTokenizerJson = (path: string): TokenizerJson =>
  readJsonFile(
    path,
    z.custom<TokenizerJson>(() => true),
    'It should be a Hugging Face tokenizer.json; check the path.',
    {
      anyKeys: true,
      maxValues: 4_000_000,
    },
  );
