import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { isTemporary } from './atomic.ts';
import { openSafetensors } from './safetensors.ts';

/*
 * A run's folder: config.json, metrics.jsonl, tokenizer.json, checkpoints/step-00001200/{model.safetensors, state.safetensors,
 * state.json}. A checkpoint's folder is written under another name and renamed, so one that has its name is whole, unless
 * someone cut a file afterwards: that is looked for too.
 */

export const MODEL_FILE = 'model.safetensors';
export const STATE_TENSORS_FILE = 'state.safetensors';
export const STATE_FILE = 'state.json';

/** The paths of a run's files. */
export const runPaths = (runDir: string) => ({
  config: join(runDir, 'config.json'),
  metrics: join(runDir, 'metrics.jsonl'),
  tokenizer: join(runDir, 'tokenizer.json'),
  checkpoints: join(runDir, 'checkpoints'),
});

/** A checkpoint's folder and the optimizer steps done when it was written. */
export interface CheckpointPlace {
  readonly step: number;
  readonly path: string;
}

/** 1200 to `step-00001200`. Throws a RangeError for what is not a step. */
export function checkpointName(step: number): string {
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`Not a step: ${step}`);
  return `step-${String(step).padStart(8, '0')}`;
}

/** `step-00001200` to 1200; undefined for any other name. */
export function stepOfCheckpoint(name: string): number | undefined {
  const step = Number(/^step-(\d{8,})$/.exec(name)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(step) && checkpointName(step) === name ? step : undefined;
}

/** Where a run keeps the checkpoint of a step. */
export const checkpointPath = (runDir: string, step: number): string =>
  join(runPaths(runDir).checkpoints, checkpointName(step));

/** All checkpoints of a run by step, oldest first, whole or not. None when there is no such folder. */
export async function listCheckpoints(runDir: string): Promise<CheckpointPlace[]> {
  const { checkpoints } = runPaths(runDir);
  const names = await readdir(checkpoints).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => !isTemporary(name))
    .map((name) => ({ step: stepOfCheckpoint(name), path: join(checkpoints, name) }))
    .filter((place): place is CheckpointPlace => place.step !== undefined)
    .sort((a, b) => a.step - b.step);
}

/** What every state.json says; the rest is the trainer's. */
const checkpointStateSchema = z.looseObject({ step: z.int().min(0) });

/**
 * Checks that a checkpoint is whole: state.json is JSON with the folder's step, both safetensors cover their files.
 * Throws a CoupletError that says what is wrong.
 */
export async function verifyCheckpoint({ path, step }: CheckpointPlace): Promise<void> {
  const statePath = join(path, STATE_FILE);
  const text = await readFile(statePath, 'utf8').catch((cause: Error) => {
    throw new CoupletError(`Checkpoint ${path} lacks a readable ${STATE_FILE}: ${cause.message}.`, { cause });
  });
  const state = checkpointStateSchema.safeParse(parseJson(text, statePath));
  if (!state.success || state.data.step !== step) {
    throw new CoupletError(
      `${statePath} should have "step": ${step}, as its folder's name says. It is damaged.`,
    );
  }
  for (const name of [MODEL_FILE, STATE_TENSORS_FILE]) {
    const file = await openSafetensors(join(path, name));
    await file.close();
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CoupletError(`${path} is not JSON: ${(cause as Error).message}. It is damaged.`, { cause });
  }
}

/** The newest checkpoint that is whole, or undefined. `onDamaged` hears of newer ones that are not. */
export async function latestCheckpoint(
  runDir: string,
  { onDamaged }: { onDamaged?: (place: CheckpointPlace, error: CoupletError) => void } = {},
): Promise<CheckpointPlace | undefined> {
  for (const place of (await listCheckpoints(runDir)).reverse()) {
    try {
      await verifyCheckpoint(place);
      return place;
    } catch (error) {
      if (!(error instanceof CoupletError)) throw error;
      onDamaged?.(place, error);
    }
  }
  return undefined;
}

/** Removes all but the newest `keep` checkpoints and the one of step `best`. Returns what it removed. */
export async function pruneCheckpoints(
  runDir: string,
  { keep, best }: { keep: number; best?: number },
): Promise<CheckpointPlace[]> {
  if (!Number.isSafeInteger(keep) || keep < 1) throw new RangeError(`keep must be at least 1, got ${keep}`);
  const old = (await listCheckpoints(runDir)).slice(0, -keep).filter(({ step }) => step !== best);
  for (const { path } of old) await rm(path, { recursive: true, force: true });
  return old;
}
