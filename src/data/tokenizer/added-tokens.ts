import { z } from 'zod';
import { trimEnd } from './normalizer.ts';

export const addedTokenSchema = z.object({
  id: z.number(),
  content: z.string().min(1),
  single_word: z
    .literal(false, 'must be false: Couplet finds an added token wherever it stands')
    .default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(false),
  special: z.boolean().default(false),
});
type AddedToken = z.infer<typeof addedTokenSchema>;

/** An added token's id, or a normalised text between two. */
export type Section = number | string;

/**
 * Finds added tokens as Hugging Face's tokenizers do: first those of the raw text, then those of the normalised text; leftmost, longest
 * first; lstrip and rstrip take the white space beside one.
 */
export function makeSections(
  tokens: readonly AddedToken[],
  normalize: (text: string) => string,
): (text: string) => Section[] {
  const raw = finder(tokens.filter((token) => !token.normalized).map((token) => [token.content, token]));
  const late = finder(
    tokens.filter((token) => token.normalized).map((token) => [normalize(token.content), token]),
  );
  return (text) =>
    raw(text).flatMap((section) => (typeof section === 'string' ? late(normalize(section)) : section));
}

function finder(tokens: readonly (readonly [string, AddedToken])[]): (text: string) => Section[] {
  const known = new Map(tokens.filter(([content]) => content !== ''));
  if (known.size === 0) return (text) => (text === '' ? [] : [text]);
  const contents = [...known.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(
    contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'),
    'gu',
  );
  return (text) => {
    const out: Section[] = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index < end) continue; // white space that rstrip took
      const { id, lstrip, rstrip } = known.get(match[0]) as AddedToken;
      const before = text.slice(end, match.index);
      const rest = match.index + match[0].length;
      out.push(lstrip ? trimEnd(before) : before, id);
      end = rstrip ? rest + (/^\p{White_Space}+/u.exec(text.slice(rest))?.[0].length ?? 0) : rest;
    }
    if (end < text.length) out.push(text.slice(end));
    return out.filter((section) => section !== '');
  };
}
