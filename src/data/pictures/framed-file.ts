// The format of files of decoded pictures: a body between two marks, and before the last mark what the body is, as JSON.
//   MARK, body, JSON, the JSON's length as uint32, MARK
// A file that was cut has no last mark, and one of another version has other marks.
import { fstatSync } from 'node:fs';
import type { z } from 'zod';
import { readFully } from '../dataset/tar.ts';

const LARGEST_FACTS = 1 << 20;

/** Bytes before the body. */
export const MARK_BYTES = 16;

/** @param text MARK_BYTES of ASCII, with a number that changes with the layout and with the way of decoding */
export const markOf = (text: string): Buffer => Buffer.from(text.padEnd(MARK_BYTES - 1).concat('\n'));

/** What follows the body. */
export function frameEnd(facts: unknown, mark: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([text, length, mark]);
}

/** The facts of a file, when both marks are there and the body is as long as they say; else undefined. */
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
  if (!begin.equals(mark) || !end.subarray(4).equals(mark) || length > LARGEST_FACTS) return undefined;
  const text = Buffer.alloc(Math.min(length, size - end.length));
  readFully(descriptor, text, size - end.length - text.length);
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  return size === MARK_BYTES + bodyBytes(parsed.data) + length + end.length ? parsed.data : undefined;
}

function jsonOf(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}
