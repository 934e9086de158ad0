import { z } from 'zod';
import { compilePattern, patternSchema } from './pattern.ts';
import { shortList } from './short-list.ts';

const type = <T extends string>(name: T) => z.object({ type: z.literal(name) });

const simple = [
  type('NFC'),
  type('NFD'),
  type('NFKC'),
  type('NFKD'),
  type('Lowercase'),
  type('StripAccents'),
  z.object({ type: z.literal('Strip'), strip_left: z.boolean(), strip_right: z.boolean() }),
  z.object({ type: z.literal('Replace'), pattern: patternSchema, content: z.string() }),
  z.object({ type: z.literal('Prepend'), prepend: z.string() }),
  z.object({
    type: z.literal('BertNormalizer'),
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean(),
  }),
] as const;
const simpleSchema = z.discriminatedUnion('type', simple);

/** `normalizer` of a tokenizer.json. A Sequence holds no Sequence. */
export const normalizerSchema = z
  .discriminatedUnion('type', [
    ...simple,
    z.object({ type: z.literal('Sequence'), normalizers: shortList(simpleSchema) }),
  ])
  .nullable();
type NormalizerJson = z.infer<typeof normalizerSchema>;

/** A text as Hugging Face's tokenizers normalise it. */
export function makeNormalizer(json: NormalizerJson): (text: string) => string {
  if (json === null) return (text) => text;
  if (json.type !== 'Sequence') return makeSimple(json);
  const steps = json.normalizers.map(makeSimple);
  return (text) => steps.reduce((before, step) => step(before), text);
}

function makeSimple(json: z.infer<typeof simpleSchema>): (text: string) => string {
  switch (json.type) {
    case 'Lowercase':
      return lowerCase;
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Strip':
      return (text) => {
        const start = json.strip_left ? text.replace(/^\p{White_Space}+/u, '') : text;
        return json.strip_right ? trimEnd(start) : start;
      };
    case 'Replace': {
      const pattern = compilePattern(json.pattern);
      return (text) => text.replace(pattern, () => json.content);
    }
    case 'Prepend':
      return (text) => (text === '' ? text : json.prepend + text);
    case 'BertNormalizer':
      return makeBert(json);
    default:
      return (text) => text.normalize(json.type);
  }
}

/** Letter by letter, as Rust lowers a char: a sigma at a word's end stays σ. */
export const lowerCase = (text: string): string => text.replaceAll('Σ', 'σ').toLowerCase();

/** A regular expression would look from each space to the end of its row. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function makeBert(json: Extract<z.infer<typeof simpleSchema>, { type: 'BertNormalizer' }>) {
  const stripAccents = json.strip_accents ?? json.lowercase;
  return (text: string): string => {
    let out = text;
    if (json.clean_text) {
      out = out
        .replace(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, '')
        .replace(/\p{White_Space}/gu, ' ');
    }
    if (json.handle_chinese_chars) out = out.replace(CHINESE, ' $& ');
    if (stripAccents) out = out.normalize('NFD').replace(/\p{Mn}/gu, '');
    return json.lowercase ? lowerCase(out) : out;
  };
}
