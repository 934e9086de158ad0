/**
 * How long is a step of a run under each compression? The run's own steps, from feed to optimizer, one compression after the other.
 * Needs a config.
 *   node --import jiti/register bench/step-times.ts configs/moco-v3-cifar10.ts --dropout 0,0.5 --patches 4,8 --steps 40 [--set path=value ...]
 * Instead of a config a run of a list of experiments, as experiments/ssl.ts#cifar-dino-none-0.
 * Prints the table that a config takes as `stepTimes`, one JSON line, with `--out FILE` into a file too; with `--into ROWS.jsonl --name RUN` it adds
 * rows to docs/results/rows/step-times.jsonl. Nothing else should use the device.
 */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { SweepRun } from '../scripts/sweep.ts';
import { type Compression, noCompression } from '../src/compress/index.ts';
import { loadConfig, type RunConfig } from '../src/config/index.ts';
import { openFeed } from '../src/feed/index.ts';
import { alone } from '../src/ranks/index.ts';
import { buildRun, disposeParts, openTrainData } from '../src/run/build.ts';
import { planOf } from '../src/run/plan.ts';
import { prepareProcess } from '../src/run/process.ts';
import { resolveConfig } from '../src/run/resolve.ts';
import { trainStep } from '../src/step/step.ts';
import { scope, synchronize } from '../src/torch/index.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dropout: { type: 'string', default: '0,0.25,0.5,0.75,0.9' },
    patches: { type: 'string' },
    warmup: { type: 'string', default: '6' },
    steps: { type: 'string', default: '40' },
    out: { type: 'string' },
    into: { type: 'string' },
    name: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
if (flags.into && !flags.name) throw new Error('--into is given, --name is missing: what the rows are of');
const { config, model, ...resolved } = resolveConfig(await configOf(positionals[0]));
if (model.image.type === 'resnet') throw new Error('a ViT is needed');
const { patchSize: own } = model.image;
const numbers = (text: string) => text.split(',').map(Number);
const compressions: Compression[] = numbers(flags.patches ?? String(own)).flatMap((patchSize) =>
  numbers(flags.dropout).map((tokenDropout) => ({ tokenDropout, patchSize })),
);

/** A config, or that of a run in a list. */
async function configOf(path: string): Promise<RunConfig> {
  const [list, name] = path.split('#');
  if (name === undefined) return loadConfig(path, { set: flags.set });
  const { default: runs } = (await import(resolve(list))) as { default: SweepRun[] };
  const run = runs.find((each) => each.name === name);
  if (!run) throw new Error(`${list} has no run ${name}`);
  const set = Object.entries(run.set ?? {}).map(([at, value]) => `${at}=${JSON.stringify(value)}`);
  return loadConfig(run.config, { set: [...set, ...flags.set] });
}

const device = prepareProcess(config);
const dataset = await openTrainData(config);
const runDir = mkdtempSync(join(tmpdir(), 'couplet-steps-'));
const plan = planOf({ ...resolved, model, config: { ...config, duration: { epochs: 100 } } }, dataset.size);
const parts = await buildRun(plan, { runDir, dataset, device, ranks: alone, startsAnew: true });
const feed = await openFeed({ ...parts, workers: parts.encoder.workers, startStep: 0 });
let at = 0;

/** Seconds of `count` steps, the last of which the device has finished. */
async function take(count: number, compression: Compression): Promise<number> {
  synchronize(device);
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const batch = await feed.next();
    const context = { ...plan.contextAt(at++), compression };
    scope(() => trainStep(parts, batch.toDevice(), context, { log: false }));
    batch.release();
  }
  synchronize(device);
  return (performance.now() - start) / 1000;
}

const table: (Compression & { seconds: number })[] = [];
try {
  await take(2, noCompression(own)); // what libraries set up
  for (const compression of compressions) {
    await take(Number(flags.warmup), compression);
    const seconds = (await take(Number(flags.steps), compression)) / Number(flags.steps);
    table.push({ ...compression, seconds });
    const { tokenDropout, patchSize } = compression;
    console.error(`dropout ${tokenDropout}, patch ${patchSize}: ${(1000 * seconds).toFixed(2)} ms`);
  }
} finally {
  await feed.close();
  disposeParts(parts);
  dataset.close();
  rmSync(runDir, { recursive: true });
}
console.log(JSON.stringify(table));
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(table)}\n`);
if (flags.into) {
  const rows = table.map(({ seconds, ...compression }) => ({
    run: flags.name,
    ...compression,
    ms: Number((1000 * seconds).toFixed(2)),
  }));
  appendFileSync(flags.into, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
