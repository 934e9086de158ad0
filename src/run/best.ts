// The best evaluation of a run so far.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../io/atomic.ts';
import { checkpointPath } from '../io/checkpoint-files.ts';
import type { MetricsRow } from '../io/metrics.ts';

/** Where a run says which of its checkpoints is the best. */
export const bestPath = (runDir: string): string => join(runDir, 'best.json');

/** Remembers the step with the highest value of one metric, in the run's folder too. */
export class Best {
  readonly #runDir: string;
  readonly #metric: string | undefined;
  #step: number | undefined;
  #written: number | undefined;
  #value = Number.NEGATIVE_INFINITY;

  constructor(runDir: string, metric: string | undefined) {
    this.#runDir = runDir;
    this.#metric = metric && `eval/${metric.replace(/^eval\//, '')}`;
  }

  /** The step of the best evaluation; undefined before the first. */
  get step(): number | undefined {
    return this.#step;
  }

  /**
   * Takes up the evaluations before a resume whose checkpoints are there. best.json is not asked: it may be of a step whose
   * checkpoint a kill prevented, or of a later one that is run again.
   */
  async restore(rows: readonly MetricsRow[]): Promise<void> {
    const kept = rows.filter(({ step }) => existsSync(checkpointPath(this.#runDir, step)));
    for (const row of kept) this.take(row.step, row);
    if (this.#step === undefined) await rm(bestPath(this.#runDir), { force: true });
    else await this.write();
  }

  /** Whether this evaluation is the best so far; then its checkpoint is to be written, and `write` called. */
  take(step: number, values: Readonly<Record<string, unknown>>): boolean {
    const value = this.#metric === undefined ? undefined : values[this.#metric];
    if (typeof value !== 'number' || !(value > this.#value)) return false;
    this.#step = step;
    this.#value = value;
    return true;
  }

  /** Says in the run's folder which step is the best, if that is new. */
  async write(): Promise<void> {
    if (this.#step === undefined || this.#step === this.#written) return;
    const content = { step: this.#step, metric: this.#metric, value: this.#value };
    await writeFileAtomically(bestPath(this.#runDir), `${JSON.stringify(content)}\n`);
    this.#written = this.#step;
  }
}
