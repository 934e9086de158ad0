import { BYTE_CHARS, BYTE_ORDER, WORDS } from './bpe.ts';

export const START_OF_TEXT = '<|startoftext|>';
export const END_OF_TEXT = '<|endoftext|>';

/** In the order of CLIP's ids: bytes, bytes at a word's end, merged pairs, special tokens. */
export function clipTokens(joined: Iterable<string>): string[] {
  const bytes = BYTE_ORDER.map((byte) => BYTE_CHARS[byte] as string);
  return [...bytes, ...bytes.map((char) => `${char}</w>`), ...joined, START_OF_TEXT, END_OF_TEXT];
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
