// What a cell of a table, a field of JSON or a member of an archive means as a caption, a label or a path.
import { decodeText } from './text.ts';

/** A value is there, but means nothing. */
export interface Unreadable {
  unreadable: string;
}

export const isUnreadable = (value: unknown): value is Unreadable =>
  typeof value === 'object' && value !== null && 'unreadable' in value;

/**
 * All captions of a sample: a text, or a list of texts. Blank ones are left out.
 * @param damaged U+FFFD in a text may stand for bytes that are no UTF-8
 */
export function captionsIn(value: unknown, damaged = false): string[] | Unreadable {
  if (!Array.isArray(value)) {
    const text = textIn(value, 'caption', damaged);
    return isUnreadable(text) ? text : text === undefined ? [] : [text];
  }
  const texts = value.map((item) => textIn(item, 'caption', damaged));
  const good = texts.filter((text) => typeof text === 'string');
  return good.length > 0 ? good : (texts.find(isUnreadable) ?? []);
}

/** @returns undefined for no label: nothing, a blank text, NaN, or -1 as Hugging Face writes it */
export function labelIn(value: unknown, damaged = false): string | undefined | Unreadable {
  if (typeof value === 'number') {
    if (Number.isNaN(value) || value === -1) return undefined;
    return Number.isSafeInteger(value)
      ? String(value)
      : { unreadable: `label ${value}: expected a whole number` };
  }
  const text = textIn(value, 'label', damaged);
  if (typeof text !== 'string') return text;
  // pandas writes 3 as 3.0 in a column that has gaps.
  const whole = /^(-?\d+)\.0*$/.exec(text)?.[1] ?? text;
  return whole === '-1' || whole.toLowerCase() === 'nan' ? undefined : whole;
}

export function pathIn(value: unknown, damaged = false): string | undefined | Unreadable {
  return typeof value === 'number' || typeof value === 'bigint'
    ? { unreadable: `its path is ${describe(value)}: expected a text` }
    : textIn(value, 'path', damaged);
}

function textIn(value: unknown, what: string, damaged: boolean): string | undefined | Unreadable {
  if (value === undefined || value === null) return undefined;
  if (isUnreadable(value)) return { unreadable: `its ${what} ${value.unreadable}` };
  const text = value instanceof Uint8Array ? decodeText(value) : wordsOf(value);
  if (value instanceof Uint8Array && text === undefined) return { unreadable: `its ${what} is not UTF-8` };
  if (text === undefined) return { unreadable: `its ${what} is ${describe(value)}: expected a text` };
  if (text.includes('\0') || (damaged && text.includes('\ufffd')))
    return { unreadable: `its ${what} is not UTF-8` };
  const trimmed = text.trim();
  return trimmed === '' ? undefined : trimmed;
}

/** A whole number is a text too: captions such as 1984. */
function wordsOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : undefined;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'boolean' ? String(value) : `the number ${value}`;
}
