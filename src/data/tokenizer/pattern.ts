import { z } from 'zod';

/*
 * Regular expressions of a tokenizer.json, written for Oniguruma. Only those are taken that JavaScript matches in linear time and in the
 * same way: alternatives of plain items, of which the last ones may repeat.
 */

const ITEM = String.raw`(?:\\[pP]\{\^?[A-Za-z_]{1,30}\}|\\[sSdDwWrnt]|\\[^\sA-Za-z0-9]|\[\^?(?:\\[pP]\{[A-Za-z_]{1,30}\}|\\[^\r\n]|[^\\[\]&])+\]|[^\\^$.*+?()[\]{}|])`;
const ALTERNATIVE = String.raw`(?:${ITEM}\??){0,7}${ITEM}(?:\+|\{\d{1,3}(?:,\d{0,3})?\})?(?:${ITEM}[*?]){0,2}`;
/** Of the tokenizers of GPT-2 and Llama 3; each is followed by one that takes what it could not. */
const WELL_KNOWN = String.raw`\(\?i:'s\|'t\|'re\|'ve\|'m\|'ll\|'d\)|\\s\*\[\\r\\n\]\+(?=\|\\s\+)|\\s\+\(\?!\\S\)`;
const LINEAR = new RegExp(
  `^(?:${WELL_KNOWN}|${ALTERNATIVE})(?:\\|(?:${WELL_KNOWN}|${ALTERNATIVE})){0,63}$`,
  'u',
);

const MOST_OPTIONAL = 3; // each doubles the work for one position

const isLinear = (pattern: string): boolean =>
  pattern.length <= 1000 &&
  LINEAR.test(pattern) &&
  pattern.split('|').every((part) => part.split('?').length - 1 <= MOST_OPTIONAL) &&
  compiles(pattern);

/** `pattern` of a Split or a Replace. */
export const patternSchema = z.union([
  z.object({ String: z.string().min(1) }),
  z.object({
    Regex: z
      .string()
      .refine(
        isLinear,
        String.raw`expected alternatives of plain items, such as " ?\p{L}+|\s+", without groups`,
      ),
  }),
]);
export type Pattern = z.infer<typeof patternSchema>;

/** The regular expression with flags `gu`, its classes as Oniguruma reads them. */
export function compilePattern(pattern: Pattern): RegExp {
  if ('String' in pattern) return new RegExp(pattern.String.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu');
  return oniguruma(pattern.Regex);
}

function compiles(pattern: string): boolean {
  try {
    oniguruma(pattern);
    return true;
  } catch {
    return false;
  }
}

export const WORD_CHARACTERS = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}';

const CLASSES: Record<string, string> = {
  '\\s': '\\p{White_Space}', // JavaScript's has the byte order mark
  '\\S': '\\P{White_Space}',
  '\\d': '\\p{Nd}',
  '\\D': '\\P{Nd}',
};

function oniguruma(pattern: string): RegExp {
  const caseless = pattern.replaceAll(/\(\?i:([^)]*)\)/g, (_, words: string) => `(?:${anyCase(words)})`);
  let inClass = false;
  const source = caseless.replace(/\\[pP]\{[^}]*\}|\\.|[[\]]/gsu, (part) => {
    if (part === '[' || part === ']') inClass = part === '[';
    if (part === '\\w') return inClass ? WORD_CHARACTERS : `[${WORD_CHARACTERS}]`;
    if (part === '\\W') {
      if (inClass) throw new SyntaxError('\\W in a class'); // a complement of several classes
      return `[^${WORD_CHARACTERS}]`;
    }
    if (/^\\p\{\^/.test(part)) return `\\P{${part.slice(4)}`;
    if (part === '\\-' && !inClass) return '-';
    if (/^\\[^\w\s]$/u.test(part) && !/^\\[\\^$.*+?()[\]{}|/-]$/.test(part)) return part.slice(1);
    return CLASSES[part] ?? part;
  });
  return new RegExp(source, 'gu');
}

/** `ſ` is an s to a caseless match. */
const anyCase = (words: string): string =>
  words.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}${letter === 's' ? 'ſ' : ''}]`);
