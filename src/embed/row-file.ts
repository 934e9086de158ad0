import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { checkJson, parseJson } from '../io/json-file.ts';
import { systemFailure } from '../io/system-error.ts';
import type { Row } from './row-lines.ts';

const place = z.int().min(0);
const rowSchema = z.looseObject({
  id: place.describe('position in the source'),
  path: z.string().optional().describe("path of the picture's file"),
  archive: z.string().optional().describe('path of the file that holds the picture'),
  offset: place.optional().describe('first byte in the archive'),
  bytes: place.optional().describe('length in the archive'),
  caption: z.string().optional().describe('caption'),
  captions: z.array(z.string()).readonly().optional().describe('captions'),
  class: z.string().optional().describe('class'),
});

const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 2 ** 24;

/** Lines of rows.jsonl, each read when it is asked for. */
export class RowFile {
  readonly #path: string;
  readonly #ends: Float64Array;
  readonly #descriptor: number;

  private constructor(path: string, ends: Float64Array) {
    this.#path = path;
    this.#ends = ends;
    this.#descriptor = openSync(path, 'r');
  }

  /** Throws a CoupletError unless the file has `count` lines. */
  static async open(path: string, count: number): Promise<RowFile> {
    const ends = new Float64Array(count);
    let lines = 0;
    let offset = 0;
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
        for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1))
          ends[lines++] = offset + at;
        offset += chunk.length;
      }
    } catch (cause) {
      throw systemFailure(cause, 'Cannot read', path);
    }
    if (lines === count) return new RowFile(path, ends);
    throw new CoupletError(
      `${path} has ${lines} lines, and the embeddings have ${count} rows. Write both again with couplet embed.`,
    );
  }

  /** Throws a CoupletError when the line is damaged. */
  row(row: number): Row {
    const todo = 'Write the folder again with couplet embed.';
    const where = `${this.#path}:${row + 1}`;
    const start = row === 0 ? 0 : this.#ends[row - 1]! + 1;
    const length = this.#ends[row]! - start;
    if (length > MAX_LINE_BYTES) throw new CoupletError(`${where} has ${length} bytes. ${todo}`);
    const line = Buffer.alloc(length);
    readSync(this.#descriptor, line, 0, length, start);
    return checkJson(parseJson(line, { where, todo }), rowSchema, { where, todo }) as Row;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
