// A stopped analysis continues from it: a line of settings, then one per finished pass.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CoupletError } from '../errors.ts';
import type { Moments } from '../gradient-error/estimate.ts';
import { linesFromVersion1 } from './version-1.ts';

export interface PassLine {
  /** `control`: whole sequences on other samples. */
  kind: 'candidate' | 'control';
  step: number;
  tokenDropout: number;
  patchSize: number;
  /** By group of parameters. */
  moments: Record<string, Moments>;
  seconds: number;
  forwards: number;
}

/** Outside of finished passes. */
export interface SpentLine {
  kind: 'spent';
  seconds: number;
  forwards: number;
}

export type LogLine = PassLine | SpentLine;

/** Two analyses may be joined when their headers are equal. */
export type LogHeader = { version: 2; [key: string]: unknown };

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
    const written = whole
      .trimEnd()
      .split('\n')
      .map((line, i) => parsed(line, `${path}:${i + 1}`));
    const [first, ...lines] = linesFromVersion1(written);
    refuseOther(first as LogHeader, JSON.parse(JSON.stringify(header)), path);
    const now = [first, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('');
    if (now !== text) writeFileSync(path, now);
    this.#lines = lines as LogLine[];
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  add(line: LogLine): void {
    this.#lines.push(line);
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}

function parsed(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new CoupletError(
      `${where} is not JSON (${(error as Error).message}): the file is damaged. Remove it to start again, or give another --out.`,
    );
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
