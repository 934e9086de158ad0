// The file that an analysis can be taken up from: a line of settings, then one for each pass that is done.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CoupletError } from '../errors.ts';
import type { Moments } from '../gradient-error/estimate.ts';

/** What a pass has found, and what it took. */
export interface PassLine {
  /** A point of the grid at a stage; `control`: whole sequences on other samples, against whole sequences. */
  kind: 'point' | 'control';
  step: number;
  tokenDropout: number;
  patchSize: number;
  /** By group of parameters. */
  moments: Record<string, Moments>;
  seconds: number;
  forwards: number;
}

/** What was spent besides: reading, loading, passes that were repeated or broken off. */
export interface SpentLine {
  kind: 'spent';
  seconds: number;
  forwards: number;
}

export type RecordLine = PassLine | SpentLine;

/** A header that two analyses share when they may be joined. */
export type RecordHeader = { version: 1; [key: string]: unknown };

/** Lines as they are appended, and those that were there. */
export class AnalysisRecord {
  readonly #path: string;
  readonly #lines: RecordLine[];

  /** Opens a file, or begins it. Throws a CoupletError when it is of another analysis, or is none. */
  constructor(path: string, header: RecordHeader) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1); // a last line that a crash cut is not there
    if (whole === '') {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${JSON.stringify(header)}\n`);
      this.#lines = [];
      return;
    }
    const [first, ...lines] = whole
      .trimEnd()
      .split('\n')
      .map((line, i) => parsed(line, `${path}:${i + 1}`));
    refuseOther(first as RecordHeader, JSON.parse(JSON.stringify(header)), path);
    if (whole !== text) writeFileSync(path, whole);
    this.#lines = lines as RecordLine[];
  }

  get lines(): readonly RecordLine[] {
    return this.#lines;
  }

  add(line: RecordLine): void {
    this.#lines.push(line);
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}

function parsed(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new CoupletError(
      `${where} is not JSON (${(error as Error).message}): the file is damaged. Remove it to begin anew, or give another --out.`,
    );
  }
}

function refuseOther(before: RecordHeader, now: RecordHeader, path: string): void {
  const differing = differences(before, now, 2);
  if (differing.length === 0) return;
  throw new CoupletError(
    `${path} holds an analysis that differs in ${differing.join(', ')}: finish it with the settings that it was begun with, remove it, or give another --out.`,
  );
}

/** The paths, down to a depth, of what differs. */
function differences(before: unknown, now: unknown, depth: number): string[] {
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isDeepStrictEqual(before, now)) return [];
  if (depth === 0 || !isObject(before) || !isObject(now)) return [''];
  const [old, other] = [before, now] as Record<string, unknown>[];
  return [...new Set([...Object.keys(old), ...Object.keys(other)])].flatMap((key) =>
    differences(old[key], other[key], depth - 1).map((path) => (path ? `${key}.${path}` : key)),
  );
}
