import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DatasetDescription } from '../data/index.ts';
import { removeStale, writeFileAtomically } from '../io/atomic.ts';
import { checkpointPath, runPaths } from '../io/checkpoint-files.ts';
import { readJsonFile } from '../io/json-file.ts';
import { type MetricsRow, MetricsWriter, readMetrics } from '../io/metrics.ts';
import type { StepContext } from '../time/clock.ts';
import type { RunParts } from './build.ts';
import type { Plan } from './plan.ts';

const bestPath = (runDir: string): string => join(runDir, 'best.json');

const bestSchema = z.object({
  step: z.int().min(0).describe('step of the checkpoint'),
  metric: z.string().describe('metric that evaluate.bestBy names'),
  value: z.number().describe('value of the metric'),
});

/** Step of the best checkpoint; undefined without a best.json. Throws a CoupletError for a damaged one. */
export function readBestStep(runDir: string): number | undefined {
  const path = bestPath(runDir);
  if (!existsSync(path)) return undefined;
  return readJsonFile(path, bestSchema, 'Use --checkpoint latest; a resumed run writes this file again.')
    .step;
}

/** Key of a row: the sentences about evaluations that failed. */
export const FAILED = 'eval/failed';

/** Writes the config, and keeps the metrics up to `start`. undefined on all ranks but the first. */
export async function openJournal(
  { config, runDir, ranks }: RunParts,
  start: number,
): Promise<Journal | undefined> {
  if (ranks.rank > 0) return undefined;
  const paths = runPaths(runDir);
  await removeStale(runDir);
  await writeFileAtomically(paths.config, `${JSON.stringify(config, null, 2)}\n`);
  const metrics = new MetricsWriter(paths.metrics, start > 0 ? { resumeStep: start } : {});
  const journal = new Journal(metrics, { runDir, bestBy: config.evaluate.bestBy });
  await journal.restore(readMetrics(paths.metrics));
  return journal;
}

/** What a run writes down while it trains: config.json, data.json, metrics.jsonl and best.json. */
export class Journal {
  readonly #metrics: MetricsWriter;
  readonly #runDir: string;
  /** `eval/NAME` */
  readonly #bestBy: string | undefined;
  #best: { step: number; value: number } | undefined;
  #writtenBest: number | undefined;
  #evaluated = new Set<number>();

  constructor(metrics: MetricsWriter, { runDir, bestBy }: { runDir: string; bestBy: string | undefined }) {
    this.#metrics = metrics;
    this.#runDir = runDir;
    this.#bestBy = bestBy && `eval/${bestBy.replace(/^eval\//, '')}`;
  }

  get bestStep(): number | undefined {
    return this.#best?.step;
  }

  write(row: MetricsRow): void {
    this.#metrics.write(row);
  }

  /** Whether a row has the best evaluation so far. Then save its checkpoint and call writeBest(). */
  isNewBest(row: MetricsRow): boolean {
    const value = this.#bestBy === undefined ? undefined : row[this.#bestBy];
    if (typeof value !== 'number' || !(value > (this.#best?.value ?? Number.NEGATIVE_INFINITY))) return false;
    this.#best = { step: row.step, value };
    return true;
  }

  /** Whether a row of an evaluation lacks the metric that chooses the best. */
  lacksBest(row: MetricsRow): boolean {
    return this.#bestBy !== undefined && typeof row[this.#bestBy] !== 'number';
  }

  /** Whether the metrics that the run began with have a step's whole evaluation. */
  isEvaluated(step: number): boolean {
    return this.#evaluated.has(step);
  }

  async writeBest(): Promise<void> {
    if (!this.#best || this.#best.step === this.#writtenBest) return;
    const { step, value } = this.#best;
    const content = { step, metric: this.#bestBy, value };
    await writeFileAtomically(bestPath(this.#runDir), `${JSON.stringify(content)}\n`);
    this.#writtenBest = step;
  }

  /**
   * Learns which steps were evaluated, and finds the best one among evaluations whose checkpoints exist. best.json may name a step whose checkpoint was never finished,
   * or one that is run again.
   */
  async restore(rows: readonly MetricsRow[]): Promise<void> {
    for (const row of rows)
      if (!(FAILED in row) && Object.keys(row).some((key) => key.startsWith('eval/')))
        this.#evaluated.add(row.step);
    for (const row of rows) if (existsSync(checkpointPath(this.#runDir, row.step))) this.isNewBest(row);
    if (this.#best) await this.writeBest();
    else await rm(bestPath(this.#runDir), { force: true });
  }

  /** data.json: what the run trains on. */
  async writeData(data: DatasetDescription): Promise<void> {
    await writeFileAtomically(join(this.#runDir, 'data.json'), `${JSON.stringify(data, null, 2)}\n`);
  }

  flush(): void {
    this.#metrics.flush();
  }

  close(): void {
    this.#metrics.close();
  }
}

/** The schedules of a step, and the budget after it. */
export function contextRow(context: StepContext, plan: Plan): Record<string, number> {
  const { lr, compression } = context;
  return {
    lr,
    ...spentRow(context, plan),
    ...(compression && { token_dropout: compression.tokenDropout, patch_size: compression.patchSize }),
    ...plan.online?.row(),
  };
}

/** The epoch, and what the run has spent. */
export function spentRow({ epoch }: StepContext, { budget: { spent } }: Plan): Record<string, number> {
  return {
    epoch,
    train_seconds: spent.seconds,
    ...(spent.forwards > 0 && { forwards: spent.forwards }), // where the method counts them
  };
}
