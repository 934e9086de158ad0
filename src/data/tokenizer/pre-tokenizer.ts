import { z } from 'zod';
import { BYTE_CHARS, utf8Bytes } from './bpe.ts';
import { compilePattern, patternSchema, WORD_CHARACTERS } from './pattern.ts';
import { shortList } from './short-list.ts';

const behaviorSchema = z.enum(['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext']);
type Behavior = z.infer<typeof behaviorSchema>;

const simple = [
  z.object({ type: z.literal('Whitespace') }),
  z.object({ type: z.literal('WhitespaceSplit') }),
  z.object({ type: z.literal('BertPreTokenizer') }),
  z.object({ type: z.literal('Punctuation'), behavior: behaviorSchema.default('Isolated') }),
  z.object({ type: z.literal('Digits'), individual_digits: z.boolean() }),
  z.object({
    type: z.literal('Split'),
    pattern: patternSchema,
    behavior: behaviorSchema,
    invert: z.boolean(),
  }),
  z.object({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.boolean(),
    use_regex: z.boolean().default(true),
  }),
  z.object({
    type: z.literal('Metaspace'),
    replacement: z.string().regex(/^.$/su, 'expected one character'),
    prepend_scheme: z.enum(['always', 'never']).default('always'),
    split: z.boolean().default(true),
  }),
] as const;
const simpleSchema = z.discriminatedUnion('type', simple);

/** `pre_tokenizer` of a tokenizer.json. A Sequence holds no Sequence. */
export const preTokenizerSchema = z
  .discriminatedUnion('type', [
    ...simple,
    z.object({ type: z.literal('Sequence'), pretokenizers: shortList(simpleSchema) }),
  ])
  .nullable();
type PreTokenizerJson = z.infer<typeof preTokenizerSchema>;

type Cut = (text: string) => string[];

/** Cuts a normalised text into words, as Hugging Face's tokenizers do. */
export function makePreTokenizer(json: PreTokenizerJson): Cut {
  if (json === null) return (text) => [text];
  const steps = (json.type === 'Sequence' ? json.pretokenizers : [json]).map(makeSimple);
  return (text) => steps.reduce((words, cut) => words.flatMap(cut), [text]).filter((word) => word !== '');
}

const SPACE = /\p{White_Space}/gu;
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const GPT2_WORDS = compilePattern({
  Regex: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
});

function makeSimple(json: z.infer<typeof simpleSchema>): Cut {
  switch (json.type) {
    case 'Whitespace':
      return splitter(
        new RegExp(
          `[${WORD_CHARACTERS}\\u200c\\u200d]+|[^${WORD_CHARACTERS}\\u200c\\u200d\\p{White_Space}]+`,
          'gu',
        ),
        'Removed',
        true,
      );
    case 'WhitespaceSplit':
      return splitter(SPACE, 'Removed');
    case 'BertPreTokenizer': {
      const [words, marks] = [splitter(SPACE, 'Removed'), splitter(PUNCTUATION, 'Isolated')];
      return (text) => words(text).flatMap(marks);
    }
    case 'Punctuation':
      return splitter(PUNCTUATION, json.behavior);
    case 'Digits':
      return splitter(/\p{N}/gu, json.individual_digits ? 'Isolated' : 'Contiguous');
    case 'Split':
      return splitter(compilePattern(json.pattern), json.behavior, json.invert);
    case 'ByteLevel':
      return byteLevel(json);
    case 'Metaspace':
      return metaspace(json);
  }
}

function byteLevel(json: { add_prefix_space: boolean; use_regex: boolean }): Cut {
  const cut: Cut = json.use_regex ? splitter(GPT2_WORDS, 'Isolated') : (text) => [text];
  return (text) =>
    cut(json.add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text).map((word) =>
      Array.from(utf8Bytes(word), (byte) => BYTE_CHARS[byte]).join(''),
    );
}

function metaspace(json: { replacement: string; prepend_scheme: string; split: boolean }): Cut {
  const mark = json.replacement;
  const cut: Cut = json.split
    ? splitter(compilePattern({ String: mark }), 'MergedWithNext')
    : (text) => [text];
  return (text) => {
    const marked = text.replaceAll(' ', () => mark);
    const prefix = json.prepend_scheme === 'always' && !marked.startsWith(mark) ? mark : '';
    return cut(prefix + marked);
  };
}

/** Rust's `NormalizedString::split`. With `invert`, what the pattern does not match counts as matched. */
function splitter(pattern: RegExp, behavior: Behavior, invert = false): Cut {
  return (text) => join(pieces(text, pattern, invert), behavior);
}

interface Piece {
  readonly text: string;
  readonly matched: boolean;
}

function pieces(text: string, pattern: RegExp, invert: boolean): Piece[] {
  const out: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) out.push({ text: text.slice(end, match.index), matched: invert });
    out.push({ text: match[0], matched: !invert });
    end = match.index + match[0].length;
  }
  if (end < text.length) out.push({ text: text.slice(end), matched: invert });
  return out;
}

function join(all: readonly Piece[], behavior: Behavior): string[] {
  if (behavior === 'Removed') return all.filter((piece) => !piece.matched).map((piece) => piece.text);
  if (behavior === 'Isolated') return all.map((piece) => piece.text);
  const out: string[] = [];
  all.forEach(({ text, matched }, i) => {
    const before = all[i - 1];
    const joins =
      before !== undefined &&
      (behavior === 'Contiguous'
        ? matched === before.matched
        : behavior === 'MergedWithPrevious'
          ? matched && !before.matched
          : before.matched && !matched);
    if (joins) out.push(`${out.pop()}${text}`);
    else out.push(text);
  });
  return out;
}
