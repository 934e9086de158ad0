import { decode } from 'html-entities';

/*
 * HTML character references as Python reads them. html-entities reads the names. Its numbers keep control codes, surrogates and
 * non-characters, which Python drops or replaces.
 */

/** Bytes 0x80 to 0x9F of Windows-1252; its five gaps stand for themselves. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Windows-1252 character of a C1 control code. */
export const fromC1 = (code: number): string => WINDOWS_1252[code - 0x80] as string;

export function toC1(char: string): number | undefined {
  const index = WINDOWS_1252.indexOf(char);
  return index < 0 ? undefined : index + 0x80;
}

/** html-entities reads these as HTML 4 did. */
const HTML5_BRACKETS: Record<string, string> = { '&lang;': '\u27e8', '&rang;': '\u27e9' };

/** Of an unknown name (`&notit;`), decodes the longest known beginning. */
function decodeName(reference: string): string {
  return HTML5_BRACKETS[reference] ?? decode(reference, { level: 'html5', scope: 'body' });
}

function textOfName(name: string): string | undefined {
  const reference = `&${name};`;
  const text = HTML5_BRACKETS[reference] ?? decode(reference, { level: 'html5', scope: 'strict' });
  return text === reference ? undefined : text;
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

/** Python's `html.unescape`: the semicolon may be missing. */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/g,
    (reference: string, body: string) => (body.startsWith('#') ? numeric(body) : decodeName(reference)),
  );
}

/** ftfy's reading: only with a semicolon, and names in capitals too (`&EACUTE;`). */
export function unescapeHtmlStrict(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#?[0-9A-Za-z]{1,24});/g, (reference: string, body: string) => {
    if (body.startsWith('#')) {
      const decoded = unescapeHtml(reference);
      return decoded.includes(';') ? reference : decoded;
    }
    return textOfName(body) ?? textOfCapitals(body) ?? reference;
  });
}

function textOfCapitals(name: string): string | undefined {
  const lower = name.toLowerCase();
  const reference = `&${name};`;
  if (name !== name.toUpperCase() || name === lower || decodeName(reference) !== reference) return undefined;
  return textOfName(lower)?.toUpperCase();
}
