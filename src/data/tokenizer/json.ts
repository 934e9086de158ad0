import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { WORDS } from './bpe.ts';

export const START_OF_TEXT = '<|startoftext|>';
export const END_OF_TEXT = '<|endoftext|>';

/** The fields of a Hugging Face `tokenizer.json` that are read here. */
export interface TokenizerJson {
  readonly version: string;
  readonly added_tokens: readonly { id: number; content: string; [key: string]: unknown }[];
  readonly model: {
    readonly type: string;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

const jsonSchema = z.looseObject({
  version: z.string(),
  added_tokens: z.array(z.looseObject({ id: z.int().min(0), content: z.string() })),
  model: z.looseObject({ type: z.string() }),
});

const bpeModelSchema = z.looseObject({
  type: z.literal('BPE'),
  vocab: z.record(z.string(), z.int().min(0)),
  merges: z.array(z.union([z.string().regex(/^\S+ \S+$/), z.tuple([z.string(), z.string()])])),
  end_of_word_suffix: z.literal('</w>'),
});

/** @throws CoupletError that names `path` */
export function parseTokenizerJson(json: unknown, path: string): TokenizerJson {
  const checked = jsonSchema.safeParse(json);
  if (checked.success) return json as TokenizerJson;
  throw new CoupletError(
    `${path} is not a Hugging Face tokenizer.json: ${z.prettifyError(checked.error).replaceAll('\n', ' ')}. Save one with tokenizer.save_pretrained() of transformers.`,
  );
}

/** Whether `Bpe` can encode for this file: it is 10 times faster than the library. */
export function isClipShaped(json: TokenizerJson): boolean {
  const { normalizer, pre_tokenizer: words } = clipShape();
  return (
    bpeModelSchema.safeParse(json.model).success &&
    sameJson(json.normalizer, normalizer) &&
    sameJson(json.pre_tokenizer, words)
  );
}

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  // These two keys do not change the ids.
  const entries = Object.entries(value).filter(([key]) => key !== 'trim_offsets' && key !== 'use_regex');
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

const clipShape = () => ({
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' },
    ],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
    ],
  },
});

/**
 * A CLIP-shaped `tokenizer.json`.
 * @param tokens in the order of their ids, the two special ones last
 * @param merges lowest rank first
 */
export function clipTokenizerJson(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
): TokenizerJson {
  const [start, end] = [tokens.length - 2, tokens.length - 1];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      { id: start, content: START_OF_TEXT, ...flags },
      { id: end, content: END_OF_TEXT, ...flags },
    ],
    ...clipShape(),
    post_processor: {
      type: 'RobertaProcessing',
      sep: [END_OF_TEXT, end],
      cls: [START_OF_TEXT, start],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: END_OF_TEXT,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}

const START_NAMES = [START_OF_TEXT, '<start_of_text>', '<|im_start|>', '<s>', '[CLS]'];
const END_NAMES = [END_OF_TEXT, '<end_of_text>', '<|im_end|>', '</s>', '[SEP]'];

/** @throws CoupletError when one is missing, or the end is not the largest id */
export function specialIds(
  json: TokenizerJson,
  vocabSize: number,
): { startOfText: number; endOfText: number } {
  const find = (names: readonly string[]) =>
    names.map((name) => json.added_tokens.find((t) => t.content === name)?.id).find((id) => id !== undefined);
  const [startOfText, endOfText] = [find(START_NAMES), find(END_NAMES)];
  if (startOfText === undefined || endOfText === undefined) {
    throw new CoupletError(
      `The tokenizer needs special tokens that begin and end a text, such as ${START_OF_TEXT} and ${END_OF_TEXT}; it has ${JSON.stringify(json.added_tokens.slice(0, 10).map((t) => t.content))}. Add them to its added_tokens.`,
    );
  }
  if (endOfText !== vocabSize - 1) {
    throw new CoupletError(
      `The tokenizer's end-of-text token must have the largest id, because the text tower pools where the id is largest: expected ${vocabSize - 1}, it has ${endOfText}. Use CLIP's tokenizer or { type: 'bpe' }.`,
    );
  }
  return { startOfText, endOfText };
}

export interface LibraryEncoder {
  encode(text: string): number[];
  decode(ids: number[]): string;
  readonly vocabSize: number;
}

export function libraryEncoder(json: TokenizerJson): LibraryEncoder {
  const library = new HuggingFaceTokenizer(json, {});
  return {
    vocabSize: 1 + Math.max(...library.get_vocab(true).values()),
    encode: (text) => library.encode(text, { add_special_tokens: false }).ids,
    decode: (ids) => library.decode(ids, { skip_special_tokens: true }),
  };
}
