/**
 * Makes rows of docs/results/rows from a sweep's results: curves, without the settings that all runs share.
 *   node --import jiti/register scripts/sweep-rows.ts results.jsonl METRIC --only '^tiny-' --into docs/results/rows/NAME.jsonl
 * A row replaces the one of its name; rows are sorted by name. METRIC is e.g. eval/knn_top1. Then run scripts/results.ts.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readRows } from './rows.ts';
import type { SweepResult } from './sweep.ts';

/** Settings that a row keeps: its key, and the config's. */
const KEPT_SETTINGS: Record<string, string> = {
  method: 'method',
  peakLr: 'optimizer.peakLr',
  batch: 'batch.globalBatchSize',
  duration: 'duration',
  compression: 'compression',
};

/** What a metric's column is called: `knnTop1` of eval/knn_top1. */
export const columnOf = (metric: string): string =>
  metric.replace('eval/', '').replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const rounded = (digits: number) => (value: number) => Number(value.toFixed(digits));

/** A row of docs/results/rows: columns of numbers over a run, and its settings. */
export interface Row {
  name: string;
  finished?: boolean;
  batch?: number;
  step: number[];
  [setting: string]: unknown;
}

/** One row; `finished` is false of a run that was stopped. */
export function rowOf({ name, finished, set, curve, linear }: SweepResult, metric: string): Row {
  const points = curve.filter((point) => point[metric] !== undefined);
  const column = (key: string, digits: number) => points.map((point) => point[key]!).map(rounded(digits));
  const settings = Object.entries(KEPT_SETTINGS).flatMap(([key, path]) =>
    path in set ? [[key, set[path]]] : [],
  );
  const parts = Object.entries(set).flatMap(([path, value]) =>
    path.startsWith('method.') ? [[path.slice('method.'.length), value]] : [],
  );
  return {
    ...{ name, finished, seed: set.seed ?? 0 },
    ...Object.fromEntries([...settings, ...parts]),
    ...{ seconds: column('train_seconds', 2), epoch: column('epoch', 2), step: column('step', 0) },
    [columnOf(metric)]: column(metric, 5),
    ...(linear && { linearTop1: linear.top1 }),
  };
}

function main(): void {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string', default: '' }, into: { type: 'string' } },
  });
  const [path, metric] = positionals as [string, string];
  const into = flags.into;
  if (into === undefined) throw new Error('--into is missing: name a file of docs/results/rows');
  const fresh = readRows<SweepResult>(path)
    .filter(({ name }) => new RegExp(flags.only).test(name))
    .map((result) => rowOf(result, metric));
  const known = readRows<{ name: string }>(into);
  const rows = [...new Map([...known, ...fresh].map((row) => [row.name, row])).values()];
  rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  writeFileSync(into, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  console.log(`${into}: ${fresh.length} rows of ${rows.length} are new`);
}

if (process.argv[1]?.endsWith('sweep-rows.ts')) main();
