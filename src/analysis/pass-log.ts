// A stopped analysis continues from it: a line of settings, then one per finished pass.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { checkJson, parseJson } from '../io/json-file.ts';
import { systemFailure } from '../io/system-error.ts';
import { linesFromVersion1 } from './version-1.ts';

const DAMAGED = 'The file is damaged: remove it to start again, or give another --out.';

const amount = z.number().min(0);
const size = z.int().min(1);
const matrix = z.array(z.array(z.number()));

const momentsSchema = z
  .object({ subBatch: size, perFold: size, own: matrix, difference: matrix, squares: z.array(z.number()) })
  .refine(
    ({ own, difference, squares: { length } }) =>
      [own, difference].every((rows) => rows.length === length && rows.every((row) => row.length === length)),
    { error: 'expected as many rows and columns as squares' },
  );

const passSchema = z.object({
  kind: z.enum(['candidate', 'control']).describe('control: whole sequences on other samples'),
  step: z.int().min(0),
  tokenDropout: z.number().min(0).lt(1),
  patchSize: size,
  moments: z.record(z.string(), momentsSchema).describe('moments by group of parameters'),
  seconds: amount,
  forwards: amount,
});
/** Outside of finished passes. */
const spentSchema = z.object({ kind: z.literal('spent'), seconds: amount, forwards: amount });
const lineSchema = z.discriminatedUnion('kind', [passSchema, spentSchema]);
const headerSchema = z.looseObject({ version: z.literal(2).describe('version of this format') });

export type PassLine = z.output<typeof passSchema>;
export type LogLine = z.output<typeof lineSchema>;

/** Two analyses may be joined when their headers are equal. */
export type LogHeader = z.output<typeof headerSchema>;

export class PassLog {
  readonly #path: string;
  readonly #lines: LogLine[];

  /** Throws a CoupletError for a file of another analysis, and for a damaged one. */
  constructor(path: string, header: LogHeader) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1); // without a last line that a crash cut
    if (whole === '') {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${JSON.stringify(header)}\n`);
      this.#lines = [];
      return;
    }
    const place = (i: number) => ({ where: `${path}:${i + 1}`, todo: DAMAGED });
    const written = whole
      .trimEnd()
      .split('\n')
      .map((line, i) => checkJson(parseJson(line, place(i)), z.looseObject({}), place(i)));
    const [first, ...lines] = linesFromVersion1(written);
    refuseOther(checkJson(first, headerSchema, place(0)), JSON.parse(JSON.stringify(header)), path);
    this.#lines = lines.map((line, i) => checkJson(line, lineSchema, place(i + 1)));
    const now = [first, ...this.#lines].map((line) => `${JSON.stringify(line)}\n`).join('');
    if (now !== text) writeFileSync(path, now);
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  add(line: LogLine): void {
    this.#lines.push(line);
    try {
      appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw systemFailure(error, 'Cannot write', this.#path);
    }
  }
}

function refuseOther(before: LogHeader, now: LogHeader, path: string): void {
  const differing = differences(before, now, 2);
  if (differing.length === 0) return;
  throw new CoupletError(
    `${path} holds an analysis that differs in ${differing.join(', ')}: finish it with its own settings, remove it, or give another --out.`,
  );
}

/** As paths. */
function differences(before: unknown, now: unknown, depth: number): string[] {
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isDeepStrictEqual(before, now)) return [];
  if (depth === 0 || !isObject(before) || !isObject(now)) return [''];
  const [old, other] = [before, now] as Record<string, unknown>[];
  return [...new Set([...Object.keys(old), ...Object.keys(other)])].flatMap((key) =>
    differences(old[key], other[key], depth - 1).map((path) => (path ? `${key}.${path}` : key)),
  );
}
