// node --import jiti/register scripts/sweep.ts experiments/NAME.ts --out DIR [--parallel 4] [--gpus 0,1] [--seconds 500] [--only PATTERN]
//   [--keep] [--linear] [--set path=value ...]
//
// Runs a list of runs in order, some at a time, each as its own `couplet train`; writes DIR/results.jsonl as they end, and a table last. A run
// takes its share of a GPU, or as much as lets --parallel of them run. After --seconds, and after Ctrl-C, those that still run are asked to
// stop, so that what they measured counts. Checkpoints are removed, unless --keep. --linear fits a linear probe on each finished run's last
// checkpoint (`couplet eval RUN --linear`). Started again it leaves out what results.jsonl has as finished.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MetricsRow, readMetrics } from '../src/io/metrics.ts';
import { inOrder } from './in-order.ts';
import { finishedIn } from './rows.ts';

/** One run: a config, and what is changed in it. */
export interface SweepRun {
  name: string;
  config: string;
  set?: Record<string, unknown>;
  /** Of a GPU, in (0, 1]; without it as much as lets --parallel run at a time. */
  share?: number;
  /** As --linear, for this one. */
  linear?: boolean;
}

/** What a run came to. */
export interface SweepResult {
  name: string;
  finished: boolean;
  /** Of the whole process, with its start and its evaluations. */
  seconds: number;
  set: Record<string, unknown>;
  /** Every evaluation, with samples and seconds of training so far. */
  curve: Record<string, number>[];
  /** Of a linear probe, where one was asked for. */
  linear?: { top1: number; top5: number };
  /** It ended for want of memory, which others may have had. */
  outOfMemory?: boolean;
}

const COUPLET = fileURLToPath(new URL('../dist/cli/couplet.cjs', import.meta.url));

/** Evaluations of a run, each with the pace of the training before it. */
export function curveOf(rows: readonly MetricsRow[]): Record<string, number>[] {
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
  /** The one that its runs see. */
  gpu?: string;
  /** Leave the checkpoints. */
  keep: boolean;
  /** Fit a linear probe after the run. */
  linear: boolean;
}

/** Runs `couplet` in a process of its own. */
async function couplet(args: string[], { signal, gpu }: Pick<Lane, 'signal' | 'gpu'>) {
  const child = spawn(process.execPath, [COUPLET, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: gpu }) },
  });
  const said = { out: '', error: '' };
  child.stdout.on('data', (text: Buffer) => {
    said.out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    said.error = (said.error + text.toString()).slice(-4000);
  });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  signal.removeEventListener('abort', stop);
  return { code, ...said };
}

async function linearOf(runDir: string, lane: Lane): Promise<SweepResult['linear']> {
  const { code, out, error } = await couplet(['eval', runDir, '--linear', '--json'], lane);
  if (code === 0) return (JSON.parse(out) as { linear: SweepResult['linear'] }).linear;
  process.stderr.write(`the linear probe of ${runDir} ended with ${code}:\n${error}\n`);
  return undefined;
}

async function runOne(
  { name, config, set = {}, linear: probed }: SweepRun,
  lane: Lane,
): Promise<SweepResult> {
  const { out, signal, keep } = lane;
  const changes = Object.entries(set).flatMap(([path, value]) => [
    '--set',
    `${path}=${JSON.stringify(value)}`,
  ]);
  const runDir = join(out, 'runs', name);
  rmSync(runDir, { recursive: true, force: true }); // of a sweep that was cut
  const started = performance.now();
  const run = ['train', config, '--name', name, '--runs', join(out, 'runs'), ...changes];
  const { code, error } = await couplet(run, lane);
  const seconds = (performance.now() - started) / 1000;
  const metrics = join(runDir, 'metrics.jsonl');
  const curve = existsSync(metrics) ? curveOf(readMetrics(metrics)) : [];
  const finished = code === 0 && !signal.aborted;
  if (code !== 0) process.stderr.write(`${name} ended with ${code}:\n${error}\n`);
  const linear = finished && (probed ?? lane.linear) ? await linearOf(runDir, lane) : undefined;
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
  /** Those that runs are shared out over. */
  gpus: readonly string[];
  tell: (result: SweepResult) => void;
}

/** Runs all in order, as many at a time as there is room for; tells each result as it comes. One that finds no memory is tried again, alone on a GPU. */
export async function sweep(
  runs: readonly SweepRun[],
  options: SweepOptions,
  take: typeof runOne = runOne,
): Promise<void> {
  const { gpus, parallel, signal, tell } = options;
  const count = Math.max(1, gpus.length);
  const usual = Math.min(1, count / parallel);
  await inOrder(
    runs.map((run) => ({ ...run, share: run.share ?? usual })),
    {
      gpus: count,
      signal,
      run: async (one, at) => {
        const result = await take(one, { ...options, ...(gpus.length > 0 && { gpu: gpus[at] }) });
        if (result.outOfMemory && one.share < 1) return { ...one, share: 1 };
        tell(result);
        return undefined;
      },
    },
  );
}

/** `name  seconds  key value ...` of the last evaluation. */
export function line({ name, seconds, finished, curve, linear }: SweepResult): string {
  const last = curve.at(-1) ?? {};
  const values = Object.entries(last)
    .filter(([key]) => /mean_recall|top1|train_seconds|epoch/.test(key))
    .map(([key, value]) => `${key.replace('eval/', '')} ${value.toFixed(4)}`);
  const probe = linear ? [`linear_top1 ${linear.top1.toFixed(4)}`] : [];
  return [name.padEnd(36), `${seconds.toFixed(0)} s`, finished ? '' : 'cut', ...values, ...probe].join('  ');
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
  const more = Object.fromEntries(
    values.set.map((text) => {
      const [path, ...rest] = text.split('=');
      return [path, JSON.parse(rest.join('='))];
    }),
  );
  const finished = finishedIn(join(values.out, 'results.jsonl'));
  const runs = all
    .filter(({ name }) => new RegExp(values.only).test(name) && !finished.has(name))
    .map((run) => ({ ...run, set: { ...run.set, ...more } }));
  mkdirSync(values.out, { recursive: true });
  const controller = new AbortController();
  const timer = values.seconds && setTimeout(() => controller.abort(), 1000 * Number(values.seconds));
  process.once('SIGINT', () => controller.abort());
  const results: SweepResult[] = [];
  const tell = (result: SweepResult) => {
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
    tell,
  });
  clearTimeout(timer || undefined);
  console.log(`\n${results.length} of ${runs.length} runs\n`);
  for (const result of results.sort((a, b) => a.name.localeCompare(b.name))) console.log(line(result));
}

if (process.argv[1]?.endsWith('sweep.ts')) await main();
