import { fromC1, toC1, unescapeHtml, unescapeHtmlStrict } from './entities.ts';

/** Whitespace of Python's str.split. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: four of them are whitespace to Python
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

const PLAIN = /^[\x20-\x25\x27-\x7e]*$/;

const LIGATURES: Record<string, string> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  ﬀ: 'ff',
  ﬁ: 'fi',
  ﬂ: 'fl',
  ﬃ: 'ffi',
  ﬄ: 'ffl',
  ﬅ: 'ſt',
  ﬆ: 'st',
};

/**
 * A caption as open_clip's tokenizer cleans it: ftfy.fix_text, html.unescape twice, single spaces, strip, lower case. docs/data.md lists
 * where damaged text differs from ftfy 6.
 */
export function cleanCaption(text: string): string {
  if (PLAIN.test(text)) return squeeze(text).toLowerCase();
  const fixed = unescapeHtml(unescapeHtml(fixText(text)));
  return squeeze(fixed).toLowerCase();
}

/** Single spaces between words, none at the ends. */
function squeeze(text: string): string {
  const single = text.replace(SPACES, ' ');
  return single.slice(
    single.startsWith(' ') ? 1 : 0,
    single.length > 1 && single.endsWith(' ') ? -1 : undefined,
  );
}

function fixText(text: string): string {
  let entities = true; // off from the first line with a tag on, as in ftfy
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      entities &&= !line.includes('<');
      return fixLine(line, entities);
    })
    .join('');
}

function fixLine(line: string, entities: boolean): string {
  let text = line;
  for (let round = 0; round < 16; round++) {
    const before = text;
    text = repairMojibake(entities ? unescapeHtmlStrict(text) : text);
    text = plainForms(text).normalize('NFC');
    if (text === before) break;
  }
  return text;
}

function plainForms(text: string): string {
  return (
    text
      .replace(/[\x80-\x9f]/g, (char) => fromC1(char.charCodeAt(0)))
      .replace(/[Ĳĳŉ\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g, (char) => LIGATURES[char] ?? char)
      .replace(/[\u3000\uff01-\uffef]/g, (char) => (char === '\u3000' ? ' ' : char.normalize('NFKC')))
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n')
      .replace(/\p{Surrogate}/gu, '\uFFFD')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours are what is looked for
      .replace(/\x1b\[[\d;]*[a-zA-Z]/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
      .replace(/[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, '')
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Bytes that hardly occur in healthy Latin-1: a character from U+0080 to U+00FF, one of three or four bytes, or two in a row. One other
 * character proves nothing: the bytes of `NESTLÉ®` are valid UTF-8 too.
 */
const SUSPICIOUS =
  /[\xc2\xc3][\x80-\xbf]|[\xe0-\xef][\x80-\x9f\xa1-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|(?:[\xc4-\xdf][\x80-\xbf]){2}/;

/** Undoes UTF-8 that was read as Windows-1252 or Latin-1. */
function repairMojibake(line: string): string {
  let text = line;
  while (/[\u00c2-\u00f4]/.test(text)) {
    const bytes = asWindows1252(text);
    if (!bytes || !SUSPICIOUS.test(latin1(bytes))) return text;
    try {
      text = utf8.decode(bytes);
    } catch {
      return text;
    }
  }
  return text;
}

/** One character for each byte. */
const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

function asWindows1252(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const byte = code < 0x100 ? code : toC1(text[i] as string);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
