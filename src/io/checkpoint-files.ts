import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { isTemporary } from './atomic.ts';
import { openSafetensors } from './safetensors.ts';

export const MODEL_FILE = 'model.safetensors';
export const STATE_TENSORS_FILE = 'state.safetensors';
export const STATE_FILE = 'state.json';

/** Paths of a run's files. Checkpoints are `checkpoints/step-00001200/{model.safetensors, state.safetensors, state.json}`. */
export const runPaths = (runDir: string) => ({
  config: join(runDir, 'config.json'),
  metrics: join(runDir, 'metrics.jsonl'),
  tokenizer: join(runDir, 'tokenizer.json'),
  checkpoints: join(runDir, 'checkpoints'),
});

/** A checkpoint's folder and its count of optimizer steps. */
export interface CheckpointPlace {
  readonly step: number;
  readonly path: string;
}

/** 1200 -> `step-00001200`. Throws a RangeError. */
export function checkpointName(step: number): string {
  if (!Number.isSafeInteger(step) || step < 0)
    throw new RangeError(`step is ${step}: expected a whole number, 0 or more`);
  return `step-${String(step).padStart(8, '0')}`;
}

/** `step-00001200` -> 1200; undefined for any other name. */
export function stepOfCheckpoint(name: string): number | undefined {
  const step = Number(/^step-(\d{8,})$/.exec(name)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(step) && checkpointName(step) === name ? step : undefined;
}

export const checkpointPath = (runDir: string, step: number): string =>
  join(runPaths(runDir).checkpoints, checkpointName(step));

/** All checkpoints of a run, oldest first, damaged ones included. */
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

const checkpointStateSchema = z.looseObject({ step: z.int().min(0) });

/** Checks the step in state.json and the sizes of both safetensors files. Throws a CoupletError. */
export async function verifyCheckpoint({ path, step }: CheckpointPlace): Promise<void> {
  const statePath = join(path, STATE_FILE);
  const text = await readFile(statePath, 'utf8').catch((cause: Error) => {
    throw new CoupletError(`${statePath} cannot be read: ${cause.message}. Resume from another checkpoint.`, {
      cause,
    });
  });
  const state = checkpointStateSchema.safeParse(parseJson(text, statePath));
  if (!state.success || state.data.step !== step) {
    throw new CoupletError(
      `${statePath} is damaged: expected "step": ${step}, as in the folder's name. Resume from another checkpoint.`,
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
    throw new CoupletError(
      `${path} is damaged: ${(cause as Error).message}. Resume from another checkpoint.`,
      { cause },
    );
  }
}

/** The newest undamaged checkpoint; `onDamaged` is called for newer ones. */
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

/** Removes all but the newest `keep` checkpoints and step `best`. Returns the removed ones. */
export async function pruneCheckpoints(
  runDir: string,
  { keep, best }: { keep: number; best?: number },
): Promise<CheckpointPlace[]> {
  if (!Number.isSafeInteger(keep) || keep < 1)
    throw new RangeError(`keep is ${keep}: expected a whole number, 1 or more`);
  const old = (await listCheckpoints(runDir)).slice(0, -keep).filter(({ step }) => step !== best);
  for (const { path } of old) await rm(path, { recursive: true, force: true });
  return old;
}
