import { makeSections } from './added-tokens.ts';
import { Bpe, BYTE_CHARS, decodeTokens, pairOf, WORDS, wordRegExp } from './bpe.ts';
import type { CheckedJson } from './json.ts';
import { makeModel } from './model.ts';
import { makeNormalizer } from './normalizer.ts';
import { makePreTokenizer } from './pre-tokenizer.ts';

interface TextIds {
  /** At least the first `limit` ids of the text. */
  ids(text: string, limit: number): ArrayLike<number>;
  text(ids: number[]): string;
}

/** Ids of Hugging Face's tokenizers for this file, without what its `post_processor` and `truncation` add and cut. */
export function makeJsonEncoder(json: CheckedJson, tokens: readonly string[]): TextIds {
  const sections = makeSections(json.added_tokens, makeNormalizer(json.normalizer));
  const { section, text } = isClipShaped(json) ? clipWords(json, tokens) : anyWords(json, tokens);
  return {
    ids(raw, limit) {
      const out: number[] = [];
      for (const part of sections(raw.replace(/\p{Surrogate}/gu, '\uFFFD'))) {
        if (out.length >= limit) break;
        if (typeof part === 'number') out.push(part);
        else section(part, { out, limit });
      }
      return out;
    },
    text,
  };
}

interface SectionIds {
  section(text: string, options: { out: number[]; limit: number }): void;
  text(ids: number[]): string;
}

function anyWords(json: CheckedJson, tokens: readonly string[]): SectionIds {
  const cut = makePreTokenizer(json.pre_tokenizer);
  const model = makeModel(json, tokens);
  return {
    section(text, { out, limit }) {
      for (const word of cut(text)) {
        if (out.length >= limit) break;
        for (const id of model.encodeWord(word)) out.push(id);
      }
    },
    text: (ids) => model.decode(ids),
  };
}

/** Ten times faster: words stop at the limit, and the merges are our own. */
function clipWords(json: ClipShaped, tokens: readonly string[]): SectionIds {
  const vocab = new Map(tokens.map((token, id) => [token, id]));
  const bpe = new Bpe({ vocab, merges: json.model.merges.map((merge) => pairOf(merge)!) });
  const words = wordRegExp(WORDS);
  return {
    section(text, { out, limit }) {
      for (const [word] of text.matchAll(words)) {
        if (out.length >= limit) break;
        for (const id of bpe.encodeWord(word)) out.push(id);
      }
    },
    text: (ids) => decodeTokens(ids.map((id) => tokens[id] ?? '')),
  };
}

type ClipShaped = CheckedJson & { model: Extract<CheckedJson['model'], { type: 'BPE' }> };

function isClipShaped(json: CheckedJson): json is ClipShaped {
  const { model, pre_tokenizer: words } = json;
  if (model.type !== 'BPE' || model.end_of_word_suffix !== '</w>' || model.ignore_merges) return false;
  if (words?.type !== 'Sequence' || words.pretokenizers.length !== 2) return false;
  const [split, bytes] = words.pretokenizers;
  return (
    split?.type === 'Split' &&
    'Regex' in split.pattern &&
    split.pattern.Regex === WORDS &&
    split.behavior === 'Removed' &&
    split.invert &&
    bytes?.type === 'ByteLevel' &&
    !bytes.add_prefix_space &&
    BYTE_CHARS.every((char) => char in model.vocab && `${char}</w>` in model.vocab)
  );
}
