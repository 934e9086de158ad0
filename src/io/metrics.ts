import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { CoupletError } from '../errors.ts';
import { parseJson } from './json-file.ts';
import { systemFailure } from './system-error.ts';

/** One line of metrics.jsonl: `step`, then keys such as `train/loss`. */
export interface MetricsRow {
  readonly step: number;
  readonly [key: string]: number | string | boolean | null;
}

const NON_FINITE = new Map<unknown, number>([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/**
 * Appends rows to metrics.jsonl. With `resumeStep` it first removes the rows of later steps and a cut last line;
 * without it the file starts empty.
 * Throws a CoupletError when the file cannot be written, or when a line before the last is damaged.
 */
export class MetricsWriter {
  readonly #path: string;
  readonly #file: number;

  constructor(path: string, { resumeStep }: { resumeStep?: number } = {}) {
    this.#path = path;
    this.#file = this.#attempt(() => openSync(path, 'a+'));
    try {
      const keep =
        resumeStep === undefined ? 0 : sizeUpToStep(readFileSync(path), { path, step: resumeStep });
      this.#attempt(() => ftruncateSync(this.#file, keep));
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** Writes NaN and the infinities as strings, which `readMetrics` turns back into numbers. */
  write(row: MetricsRow): void {
    if (!Number.isSafeInteger(row.step))
      throw new TypeError(`step of a metrics row is ${row.step}: expected a whole number`);
    const { step, ...values } = row;
    const line = JSON.stringify({ step, ...values }, (_, value) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
    );
    const bytes = Buffer.from(`${line}\n`);
    this.#attempt(() => {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written);
    });
  }

  /** Flushes to the disk; call it with each checkpoint. */
  flush(): void {
    this.#attempt(() => fsyncSync(this.#file));
  }

  /** Never fails: flush() tells of an error. */
  close(): void {
    try {
      closeSync(this.#file);
    } catch {}
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw systemFailure(cause, 'Cannot write the metrics', this.#path);
    }
  }
}

/** Size in bytes of the rows before the first later step. */
function sizeUpToStep(content: Buffer, { path, step }: { path: string; step: number }): number {
  let keep = 0;
  for (const { row, end } of lines(content, path)) {
    if (row.step > step) break;
    keep = end;
  }
  return keep;
}

/** Reads all rows but a cut last line. Throws a CoupletError with the number of a damaged line. */
export function readMetrics(path: string): MetricsRow[] {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (cause) {
    throw systemFailure(cause, 'Cannot read the metrics', path);
  }
  return Array.from(lines(content, path), ({ row }) => row);
}

function* lines(content: Buffer, path: string): Generator<{ row: MetricsRow; end: number }> {
  let start = 0;
  for (let number = 1; ; number++) {
    const newline = content.indexOf(0x0a, start);
    if (newline < 0) return;
    const row = parseRow(content.toString('utf8', start, newline));
    const isLast = newline === content.length - 1;
    if (row) yield { row, end: newline + 1 };
    else if (!isLast) {
      throw new CoupletError(
        `${path}:${number} is not a JSON object with a 'step'. Remove that line to go on.`,
      );
    }
    start = newline + 1;
  }
}

function parseRow(line: string): MetricsRow | undefined {
  try {
    const values = Object.entries(parseJson(line, { where: 'a row', todo: '' }) as object);
    const row = Object.fromEntries(values.map(([key, value]) => [key, NON_FINITE.get(value) ?? value]));
    return isRow(row) ? row : undefined;
  } catch {
    return undefined;
  }
}

const isRow = (row: Record<string, unknown>): row is MetricsRow & Record<string, unknown> =>
  Number.isSafeInteger(row.step) &&
  (row.step as number) >= 0 &&
  Object.values(row).every((value) => typeof value !== 'object' || value === null);
