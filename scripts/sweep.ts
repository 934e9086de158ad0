// node --import jiti/register scripts/sweep.ts experiments/NAME.ts --out DIR [--parallel 4] [--gpus 0,1] [--seconds 500] [--only PATTERN]
//   [--keep] [--linear] [--set path=value ...]
//
// Runs a list of runs in order, each as its own `couplet train`. Writes DIR/results.jsonl as they end, and a table last.
// A run takes its share of a GPU, or 1/--parallel of all GPUs. After --seconds, or Ctrl-C, running ones are stopped and what they measured
// counts. Checkpoints are removed unless --keep. --linear fits a linear probe on the last checkpoint (`couplet eval RUN --linear`).
// A second start leaves out runs that results.jsonl has as finished.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MetricsRow, readMetrics } from '../src/io/metrics.ts';
import { inOrder } from './in-order.ts';
import { finishedIn } from './rows.ts';

/** A config, and its changes. */
export interface SweepRun {
  name: string;
  config: string;
  set?: Record<string, unknown>;
  /** Of a GPU, in (0, 1]; by default so that --parallel run at a time. */
  share?: number;
  /** Overrides --linear. */
  linear?: boolean;
}

/** A line of results.jsonl. */
export interface SweepResult {
  name: string;
  finished: boolean;
  /** Of the whole process, with start and evaluations. */
  seconds: number;
  set: Record<string, unknown>;
  /** Every evaluation, with samples and seconds of training so far. */
  curve: Record<string, number>[];
  /** Result of the linear probe. */
  linear?: { top1: number; top5: number };
  /** Other runs may have had the memory. */
  outOfMemory?: boolean;
}

const COUPLET = fileURLToPath(new URL('../dist/cli/couplet.cjs', import.meta.url));

/** Evaluations of a run, each with the samples per second of training before it. */
function curveOf(rows: readonly MetricsRow[]): Record<string, number>[] {
  let last: MetricsRow = { step: 0 };
  return rows.flatMap((row) => {
    if (!Object.keys(row).some((key) => key.startsWith('eval/'))) {
      last = row;
      return [];
    }
    const { samples_per_second = 0 } = last;
    return [{ samples_per_second, ...row } as Record<string, number>];
  });
}

interface Lane {
  out: string;
  signal: AbortSignal;
  /** The only GPU that its runs see. */
  gpu?: string;
  keep: boolean;
  linear: boolean;
}

/** Runs `couplet` as a child process. */
async function couplet(args: string[], { signal, gpu }: Pick<Lane, 'signal' | 'gpu'>) {
  const child = spawn(process.execPath, [COUPLET, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: gpu }) },
  });
  const output = { out: '', error: '' };
  child.stdout.on('data', (text: Buffer) => {
    output.out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    output.error = (output.error + text.toString()).slice(-4000);
  });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  signal.removeEventListener('abort', stop);
  return { code, ...output };
}

async function linearOf(runDir: string, lane: Lane): Promise<SweepResult['linear']> {
  const { code, out, error } = await couplet(['eval', runDir, '--linear', '--json'], lane);
  if (code === 0) return (JSON.parse(out) as { linear: SweepResult['linear'] }).linear;
  process.stderr.write(`the linear probe of ${runDir} ended with ${code}:\n${error}\n`);
  return undefined;
}

async function runOne(
  { name, config, set = {}, linear: ownLinear }: SweepRun,
  lane: Lane,
): Promise<SweepResult> {
  const { out, signal, keep } = lane;
  const changes = Object.entries(set).flatMap(([path, value]) => [
    '--set',
    `${path}=${JSON.stringify(value)}`,
  ]);
  const runDir = join(out, 'runs', name);
  rmSync(runDir, { recursive: true, force: true }); // of a sweep that was stopped
  const started = performance.now();
  const run = ['train', config, '--name', name, '--runs', join(out, 'runs'), ...changes];
  const { code, error } = await couplet(run, lane);
  const seconds = (performance.now() - started) / 1000;
  const metrics = join(runDir, 'metrics.jsonl');
  const curve = existsSync(metrics) ? curveOf(readMetrics(metrics)) : [];
  const finished = code === 0 && !signal.aborted;
  if (code !== 0) process.stderr.write(`${name} ended with ${code}:\n${error}\n`);
  const linear = finished && (ownLinear ?? lane.linear) ? await linearOf(runDir, lane) : undefined;
  if (!keep) rmSync(join(runDir, 'checkpoints'), { recursive: true, force: true });
  const outOfMemory = code !== 0 && /out of memory/i.test(error);
  return {
    name,
    finished,
    seconds,
    set,
    curve,
    ...(linear && { linear }),
    ...(outOfMemory && { outOfMemory }),
  };
}

interface SweepOptions extends Omit<Lane, 'gpu'> {
  parallel: number;
  gpus: readonly string[];
  onResult: (result: SweepResult) => void;
}

/** Runs all in order, as many at a time as fit. A run that is out of memory is tried again, alone on a GPU. */
export async function sweep(
  runs: readonly SweepRun[],
  options: SweepOptions,
  start: typeof runOne = runOne,
): Promise<void> {
  const { gpus, parallel, signal, onResult } = options;
  const count = Math.max(1, gpus.length);
  const defaultShare = Math.min(1, count / parallel);
  await inOrder(
    runs.map((run) => ({ ...run, share: run.share ?? defaultShare })),
    {
      gpus: count,
      signal,
      start: async (run, gpu) => {
        const result = await start(run, { ...options, ...(gpus.length > 0 && { gpu: gpus[gpu] }) });
        if (result.outOfMemory && run.share < 1) return { ...run, share: 1 };
        onResult(result);
        return undefined;
      },
    },
  );
}

/** `name  seconds  key value ...` of the last evaluation. */
function line({ name, seconds, finished, curve, linear }: SweepResult): string {
  const last = curve.at(-1) ?? {};
  const values = Object.entries(last)
    .filter(([key]) => /mean_recall|top1|train_seconds|epoch/.test(key))
    .map(([key, value]) => `${key.replace('eval/', '')} ${value.toFixed(4)}`);
  const probe = linear ? [`linear_top1 ${linear.top1.toFixed(4)}`] : [];
  return [name.padEnd(36), `${seconds.toFixed(0)} s`, finished ? '' : 'stopped', ...values, ...probe].join(
    '  ',
  );
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'sweep' },
      parallel: { type: 'string', default: '1' },
      gpus: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
      linear: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      only: { type: 'string', default: '' },
      set: { type: 'string', multiple: true, default: [] },
    },
  });
  const { default: all } = (await import(resolve(positionals[0]!))) as { default: SweepRun[] };
  const changes = Object.fromEntries(
    values.set.map((text) => {
      const [path, ...rest] = text.split('=');
      return [path, JSON.parse(rest.join('='))];
    }),
  );
  const finished = finishedIn(join(values.out, 'results.jsonl'));
  const runs = all
    .filter(({ name }) => new RegExp(values.only).test(name) && !finished.has(name))
    .map((run) => ({ ...run, set: { ...run.set, ...changes } }));
  mkdirSync(values.out, { recursive: true });
  const controller = new AbortController();
  const timer = values.seconds && setTimeout(() => controller.abort(), 1000 * Number(values.seconds));
  process.once('SIGINT', () => controller.abort());
  const results: SweepResult[] = [];
  const onResult = (result: SweepResult) => {
    results.push(result);
    appendFileSync(join(values.out, 'results.jsonl'), `${JSON.stringify(result)}\n`);
    console.log(line(result));
  };
  await sweep(runs, {
    out: values.out,
    parallel: Number(values.parallel),
    gpus: values.gpus === '' ? [] : values.gpus.split(','),
    keep: values.keep,
    linear: values.linear,
    signal: controller.signal,
    onResult,
  });
  clearTimeout(timer || undefined);
  console.log(`\n${results.length} of ${runs.length} runs\n`);
  for (const result of results.sort((a, b) => a.name.localeCompare(b.name))) console.log(line(result));
}

if (process.argv[1]?.endsWith('sweep.ts')) await main();
