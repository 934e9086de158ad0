import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { parseConfig, type RunConfig, type RunConfigInput } from '../../src/config/index.ts';
import { listCheckpoints, MODEL_FILE } from '../../src/io/checkpoint-files.ts';
import { type MetricsRow, readMetrics } from '../../src/io/metrics.ts';
import { type TrainEvent, type TrainOptions, train } from '../../src/train.ts';
import { temporaryFolder } from '../data/make.ts';

/** Runs small enough for tests: a step takes some ten milliseconds. */

/** A folder that is removed when the tests of the file that asks for it are over. */
export function runsFolder(): string {
  const folder = temporaryFolder();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const tinyModel = {
  embedDim: 32,
  image: { imageSize: 24, patchSize: 8, width: 32, layers: 1, heads: 2, pool: 'mean' },
  text: { contextLength: 16, width: 32, heads: 2, layers: 1 },
} as const satisfies RunConfigInput['model'];

/** What a test must say itself, and what it may say otherwise. */
export type TinyConfig = Partial<RunConfigInput> & { train: RunConfigInput['data']['train'] };

/** A config of 30 steps with a log line for each. */
export function tinyConfig({ train: source, data, ...more }: TinyConfig): RunConfigInput {
  return {
    name: 'run',
    device: 'cpu',
    threads: 1,
    model: tinyModel,
    method: { name: 'fastclip' },
    batch: { globalBatchSize: 16 },
    duration: { steps: 30 },
    optimizer: { peakLr: 2e-3, clipGradNorm: 1 },
    schedule: { warmup: { steps: 3 } },
    log: { every: { steps: 1 } },
    ...more,
    data: { workers: 1, tokenizer: { type: 'bpe', vocabSize: 520 }, ...data, train: source },
  };
}

/** Trains in this process, and gathers what happened. */
export async function trainTiny(config: RunConfigInput, options: TrainOptions & { runsDir: string }) {
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent) => {
    events.push(event);
    options.onEvent?.(event);
  };
  const parsed: RunConfig = parseConfig(config);
  const result = await train(parsed, { ...options, onEvent });
  return { ...result, events, rows: rowsOf(result.runDir) };
}

export const rowsOf = (runDir: string): MetricsRow[] => readMetrics(join(runDir, 'metrics.jsonl'));

/** The rows without what depends on the clock and on what else the process holds. */
export function numbersOf(runDir: string): Record<string, unknown>[] {
  return rowsOf(runDir).map((row) =>
    Object.fromEntries(
      Object.entries(row).filter(
        ([key]) => key === 'step' || key === 'lr' || key === 'epoch' || /^(train|eval)\//.test(key),
      ),
    ),
  );
}

export async function stepsSaved(runDir: string): Promise<number[]> {
  return (await listCheckpoints(runDir)).map(({ step }) => step);
}

/** The bytes of a checkpoint's model. */
export function modelBytes(runDir: string, step: number): Buffer {
  return readFileSync(join(runDir, 'checkpoints', `step-${String(step).padStart(8, '0')}`, MODEL_FILE));
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { couplet: string } };

export interface Command {
  child: ChildProcess;
  /** What it has said so far. */
  said: () => string;
  /** Resolves as soon as stderr matches. */
  says: (pattern: RegExp) => Promise<void>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

/** Starts the built command in a process of its own; `preload` is a CommonJS file that runs in it first. */
export function couplet(
  args: readonly string[],
  { cwd, preload }: { cwd: string; preload?: string },
): Command {
  const before = preload ? ['--require', preload] : [];
  const child = spawn(process.execPath, [...before, join(root, bin.couplet), ...args], {
    cwd,
    stdio: 'pipe',
  });
  let stdout = '';
  let stderr = '';
  const waiting: { pattern: RegExp; resolve: () => void }[] = [];
  const look = () => {
    for (const { pattern, resolve } of waiting) if (pattern.test(stderr)) resolve();
  };
  child.stdout!.on('data', (text) => {
    stdout += text;
  });
  child.stderr!.on('data', (text) => {
    stderr += text;
    look();
  });
  const ended = new Promise<Awaited<Command['ended']>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const says = (pattern: RegExp) =>
    Promise.race([
      new Promise<void>((resolve) => {
        waiting.push({ pattern, resolve });
        look();
      }),
      ended.then(() => {
        if (!pattern.test(stderr)) throw new Error(`ended without saying ${pattern}:\n${stderr}`);
      }),
    ]);
  return { child, said: () => stderr, says, ended };
}
