import { fromC1, toC1, unescapeHtml, unescapeHtmlStrict } from './entities.ts';

/*
 * How open_clip cleans a caption: ftfy.fix_text, html.unescape twice, runs of whitespace to one space, strip, lower-case.
 * Everything of ftfy is here but most of the search for mojibake: see `cleanCaption`.
 */

/** What Python's str.split calls whitespace. */
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
 * A caption as open_clip's tokenizer sees it. What differs from ftfy 6, and only for text that was damaged before:
 * - UTF-8 once read as Windows-1252 or Latin-1 is repaired when the whole line is such text (`cafÃ©`, `donâ€™t`, emoji); ftfy
 *   also repairs single spots inside a healthy line, other code pages (1250, 1251, 1253, 1254, 1257, ISO 8859-2, Mac Roman,
 *   437), a no-break space that became a space (`Ã la mode`), and letters lost to U+FFFD;
 * - what makes a line suspicious is a short rule here (`SUSPICIOUS`) and a long table of letters in ftfy;
 * - characters assigned after the Unicode version of Python's tables count as letters or not by Node's.
 */
export function cleanCaption(text: string): string {
  if (PLAIN.test(text)) return squeeze(text).toLowerCase();
  const fixed = unescapeHtml(unescapeHtml(fixText(text)));
  return squeeze(fixed).toLowerCase();
}

/** Runs of whitespace to one space, none at the ends. */
export function squeeze(text: string): string {
  const single = text.replace(SPACES, ' ');
  return single.slice(
    single.startsWith(' ') ? 1 : 0,
    single.length > 1 && single.endsWith(' ') ? -1 : undefined,
  );
}

/** What ftfy.fix_text does by default, line by line, less what `cleanCaption` lists. */
function fixText(text: string): string {
  let entities = true; // a line with a tag stops the reading of entities for all the lines that follow it, as in ftfy
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

/** Typographic variants to the plain ones, and characters that do not show removed. */
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
 * Pairs that hardly occur in healthy text: a capital A with a mark before a symbol, three or four bytes of one letter, two letters in
 * a row. One other pair is not enough: `NESTLÉ®`, and `CAFÉ` before a no-break space, are valid UTF-8 bytes too.
 */
const SUSPICIOUS =
  /[\xc2\xc3][\x80-\xbf]|[\xe0-\xef][\x80-\x9f\xa1-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|(?:[\xc4-\xdf][\x80-\xbf]){2}/;

/** UTF-8 that was read as Windows-1252 (or Latin-1), turned back; any other text is returned as it is. */
function repairMojibake(line: string): string {
  let text = line;
  while (/[\u00c2-\u00f4]/.test(text)) {
    const bytes = asWindows1252(text);
    if (!bytes || !SUSPICIOUS.test(bytes.toString('latin1'))) return text;
    try {
      text = utf8.decode(bytes);
    } catch {
      return text;
    }
  }
  return text;
}

function asWindows1252(text: string): Buffer | undefined {
  const bytes = Buffer.alloc(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const byte = code < 0x100 ? code : toC1(text[i] as string);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
