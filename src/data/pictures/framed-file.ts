// Files of decoded pictures: MARK, body, JSON, the JSON's length as uint32, MARK.
// A truncated file has no last mark; another version has other marks.
import { fstatSync } from 'node:fs';
import type { z } from 'zod';
import { parseJson } from '../../io/json-file.ts';
import { readFully } from '../dataset/tar.ts';

const MAX_JSON_BYTES = 1 << 20;

export const MARK_BYTES = 16;

/** @param text ASCII, with a version of layout and decoding */
export const markOf = (text: string): Buffer => Buffer.from(text.padEnd(MARK_BYTES - 1).concat('\n'));

export function frameEnd(facts: unknown, mark: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([text, length, mark]);
}

/** Undefined when a mark is missing or the body has another length. */
export function readFacts<Facts>(
  descriptor: number,
  {
    mark,
    schema,
    bodyBytes,
  }: { mark: Buffer; schema: z.ZodType<Facts>; bodyBytes: (facts: Facts) => number },
): Facts | undefined {
  const { size } = fstatSync(descriptor);
  const end = Buffer.alloc(4 + MARK_BYTES);
  const begin = Buffer.alloc(MARK_BYTES);
  if (size < begin.length + end.length) return undefined;
  readFully(descriptor, begin, 0);
  readFully(descriptor, end, size - end.length);
  const length = end.readUInt32LE(0);
  if (!begin.equals(mark) || !end.subarray(4).equals(mark) || length > MAX_JSON_BYTES) return undefined;
  const text = Buffer.alloc(Math.min(length, size - end.length));
  readFully(descriptor, text, size - end.length - text.length);
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  return size === MARK_BYTES + bodyBytes(parsed.data) + length + end.length ? parsed.data : undefined;
}

function jsonOf(text: Buffer): unknown {
  try {
    return parseJson(text, { where: 'the facts', todo: '' });
  } catch {
    return undefined;
  }
}
