import { existsSync } from 'node:fs';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { writeFileAtomically } from '../../io/atomic.ts';
import { readJsonFile } from '../../io/json-file.ts';
import { trainBpe } from './bpe-train.ts';
import { clipMerges } from './clip-merges.ts';
import { CLIP_FRAME, clipEncoder, type Encoder, frameEncoder } from './encoder.ts';
import { endId, parseTokenizerJson, specialIds, type TokenizerJson } from './json.ts';
import { makeJsonEncoder } from './json-encoder.ts';

/** What a text tower wants around a caption's ids. */
export interface TextFrame {
  /** Whether a start token comes first. Without one, the end need not be the largest id. */
  readonly start: boolean;
  /** The id that fills a row after the end. */
  readonly padId: number;
}

/** Plain data, from which a worker thread makes the same tokenizer. */
export type TokenizerSpec = {
  readonly contextLength: number;
  /** Default: CLIP's, with a start token and filled with zeros. */
  readonly frame?: TextFrame;
} & ({ readonly type: 'clip' } | { readonly type: 'json'; readonly json: TokenizerJson });

export interface Tokenizer {
  readonly spec: TokenizerSpec;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** L, ids per encoded caption. */
  readonly contextLength: number;
  /** Where the frame has a start. */
  readonly startOfText?: number;
  /** With a start, the largest id: the text tower pools at the arg max. */
  readonly endOfText: number;
  /** [L]: start, the caption's ids, end, padding. The last id of a cut caption is the end, as in open_clip and transformers. */
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
  const encoder =
    spec.type === 'clip' ? clipEncoder(clipMerges()) : fileEncoder(spec.json, { path, frame: spec.frame });
  return frameEncoder(encoder, encoder.json ? { ...spec, type: 'json', json: encoder.json } : spec);
}

function fileEncoder(
  json: unknown,
  { path, frame = CLIP_FRAME }: { path: string; frame: TextFrame | undefined },
): Encoder {
  const { checked, tokens } = parseTokenizerJson(json, path);
  const vocabSize = tokens.length;
  if (frame.padId >= vocabSize)
    throw new CoupletError(
      `${path} has ${vocabSize} ids, but the text tower fills texts with id ${frame.padId} (model.text.padId). Use the tokenizer of the weights.`,
    );
  return {
    ...(frame.start ? specialIds(checked, vocabSize) : { endOfText: endId(checked) }),
    vocabSize,
    json: checked,
    ...makeJsonEncoder(checked, tokens),
  };
}

export interface LoadTokenizerOptions {
  readonly contextLength: number;
  /** Default: CLIP's. */
  readonly frame?: TextFrame;
  /** For `{ type: 'bpe' }` without a cache; read once. */
  readonly captions?: AsyncIterable<string> | Iterable<string>;
  /** The run's `tokenizer.json`, where `{ type: 'bpe' }` is kept for a resume. */
  readonly cachePath?: string;
}

/** @throws CoupletError for a missing or unfit file, or captions without words */
export async function loadTokenizer(
  config: TokenizerConfig,
  { captions, cachePath, contextLength, frame }: LoadTokenizerOptions,
): Promise<Tokenizer> {
  const context = { contextLength, ...(frame && { frame }) };
  if (config.type === 'clip') return createTokenizer({ type: 'clip', ...context });
  if (config.type === 'file') {
    return createTokenizer({ type: 'json', json: readTokenizerJson(config.path), ...context }, config.path);
  }
  const cached = cachePath && existsSync(cachePath) ? readTokenizerJson(cachePath) : undefined;
  if (!cached && !captions) {
    throw new CoupletError(
      `tokenizer { type: 'bpe' } learns from captions, and there are none${cachePath ? `, nor is there a ${cachePath}` : ''}. Use { type: 'clip' } or a source with captions.`,
    );
  }
  const json = cached ?? (await trainBpe(captions as Iterable<string>, { vocabSize: config.vocabSize }));
  if (!cached && cachePath) await writeFileAtomically(cachePath, `${JSON.stringify(json, null, 1)}\n`);
  return createTokenizer({ type: 'json', json, ...context }, cachePath);
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
