import { isUtf8 } from 'node:buffer';

/**
 * Text of bytes from outside: UTF-8, or UTF-16 behind a byte order mark. The mark is left out.
 * @returns undefined for other bytes, and for text with NULs, which is UTF-16 without a mark
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  const text = isUtf8(bytes) ? utf8(bytes) : utf16(bytes);
  return text?.includes('\0') ? undefined : text;
}

function utf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function utf16(bytes: Uint8Array): string | undefined {
  const encoding = utf16Encoding(bytes);
  if (!encoding) return undefined;
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** By the byte order mark. */
export function utf16Encoding(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return undefined;
}
