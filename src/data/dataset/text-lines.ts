import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { utf16Encoding } from './text.ts';

export interface TextLine {
  /** From 1. */
  number: number;
  /** Without its end. Bytes that are no UTF-8 are U+FFFD. */
  text: string;
  /** U+FFFD may stand for such bytes. */
  damaged: boolean;
  /** The line is longer than MAX_LINE_CHARACTERS, and `text` is its beginning. */
  tooLong: boolean;
}

const CHUNK_BYTES = 1 << 20;
const MAX_LINE_CHARACTERS = 16 << 20;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Lines of a UTF-8 file, or of a UTF-16 file with a byte order mark. A line ends with a line feed, a carriage return, or both, whatever
 * ended the lines before it.
 */
export function* textLines(path: string): Generator<TextLine> {
  let number = 0;
  for (const { text, damaged, tooLong } of wholeLines(path)) {
    const lines = text.includes('\r') ? text.split(/\r\n|\n|\r/) : text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const line of lines) yield { number: ++number, text: line, damaged, tooLong };
  }
}

/** Text that ends with a line's end, or the file's. */
function* wholeLines(path: string): Generator<{ text: string; damaged: boolean; tooLong: boolean }> {
  let rest: Uint8Array = new Uint8Array(0);
  let skipping = false;
  const piece = (bytes: Uint8Array, tooLong = false) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const whole = buffer.toString('utf8');
    return { text: whole, damaged: !isUtf8(buffer) || whole.includes('\0'), tooLong };
  };
  for (const chunk of utf8Chunks(path)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = endOfLastLine(bytes);
    if (end === 0 && bytes.length > MAX_LINE_CHARACTERS) {
      if (!skipping) yield piece(bytes.subarray(0, CHUNK_BYTES), true);
      skipping = true;
      rest = new Uint8Array(0);
      continue;
    }
    const from = skipping ? startOfNextLine(bytes) : 0;
    if (end > from) yield piece(bytes.subarray(from, end));
    if (end > 0) skipping = false;
    rest = skipping ? new Uint8Array(0) : bytes.subarray(end);
  }
  if (rest.length > 0 && !skipping) yield piece(rest);
}

/** A carriage return at the very end may have a line feed behind it. */
function endOfLastLine(bytes: Uint8Array): number {
  const lineFeed = bytes.lastIndexOf(LINE_FEED);
  return Math.max(lineFeed, bytes.lastIndexOf(CARRIAGE_RETURN, bytes.length - 2)) + 1;
}

function startOfNextLine(bytes: Uint8Array): number {
  const place = bytes.findIndex((byte) => byte === LINE_FEED || byte === CARRIAGE_RETURN);
  return place < 0 ? bytes.length : place + 1;
}

function* utf8Chunks(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    let decoder: InstanceType<typeof TextDecoder> | undefined;
    for (let first = true; ; first = false) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const chunk = buffer.subarray(0, readSync(file, buffer, 0, CHUNK_BYTES, null));
      const encoding = first ? utf16Encoding(chunk) : undefined;
      if (encoding) decoder = new TextDecoder(encoding);
      if (chunk.length === 0) break;
      const marked = first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
      yield decoder ? Buffer.from(decoder.decode(chunk, { stream: true })) : chunk.subarray(marked ? 3 : 0);
    }
  } finally {
    closeSync(file);
  }
}
