import { existsSync, statSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { migrateConfig, parseConfig, type RunConfig, type RunConfigInput } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import { readJsonFile } from '../io/json-file.ts';

/** Enough for a comparison: an older version may have other keys. */
const savedSchema = z.looseObject({ data: z.looseObject({}) });

/** These change the run's numbers. */
const FIXED_KEYS = ['seed', 'model', 'method', 'data', 'compression', 'batch', 'optimizer'] as const;
/** These change no number. */
const FREE_DATA_KEYS = ['workers', 'prefetchBatches', 'maxBadShare'];

function fixedPart(config: RunConfig, key: (typeof FIXED_KEYS)[number]): unknown {
  if (key !== 'data') return config[key];
  return Object.fromEntries(Object.entries(config.data).filter(([name]) => !FREE_DATA_KEYS.includes(name)));
}

/** Throws a CoupletError that names what differs from the config of the run's start. */
export function checkSameRun(config: RunConfig, runDir: string): void {
  const path = runPaths(runDir).config;
  if (!existsSync(path)) return;
  const todo = 'Bring this file back, or start a run with another --name.';
  const saved = completed(migrateConfig(readJsonFile(path, savedSchema, todo)) as unknown as RunConfig);
  const plain = JSON.parse(JSON.stringify(config)) as RunConfig;
  const changed = FIXED_KEYS.flatMap((key) => changes(fixedPart(saved, key), fixedPart(plain, key), key));
  if (changed.length > 0) {
    throw new CoupletError(
      `${runDir} was started with another config:\n${changed.map((line) => `  ${line}`).join('\n')}\nResume with the values of ${path}, or start a run with another --name.`,
    );
  }
}

/** With the defaults of keys that did not exist when the run began; unchanged where today's schema does not fit. */
function completed(saved: RunConfig): RunConfig {
  try {
    return JSON.parse(JSON.stringify(parseConfig(saved as RunConfigInput))) as RunConfig;
  } catch (error) {
    if (error instanceof CoupletError) return saved;
    throw error;
  }
}

/** One line for each value that differs: `batch.globalBatchSize was 16, is 8`. */
function changes(before: unknown, now: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, now)) return [];
  if (!isObject(before) || !isObject(now)) {
    const [was, is] = [before, now].map((value) => JSON.stringify(value) ?? 'not there');
    return [`${path} was ${was}, is ${is}`];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].flatMap((key) => changes(before[key], now[key], `${path}.${key}`));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Throws a CoupletError when a folder holds a run with metrics or checkpoints. */
export function refuseExisting(runDir: string): void {
  const { metrics, checkpoints } = runPaths(runDir);
  if (existsSync(checkpoints) || (existsSync(metrics) && statSync(metrics).size > 0)) {
    throw new CoupletError(
      `${runDir} holds a run already. Continue it with --resume latest, or give this one another --name.`,
    );
  }
}
