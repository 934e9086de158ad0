import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { isTemporary } from './atomic.ts';
import { readJsonFile } from './json-file.ts';
import { openSafetensors } from './safetensors.ts';
import { systemCode } from './system-error.ts';

export const MODEL_FILE = 'model.safetensors';
export const STATE_TENSORS_FILE = 'state.safetensors';
/** Of runs with `emaWeights`. */
export const EMA_FILE = 'ema.safetensors';
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

const count = z.int().min(0);
const amount = z.number().min(0);
const problem = z.object({ name: z.string(), reason: z.string() });

/** state.json. Checkpoints of older versions have neither `missed` nor `spent` nor `skipped`. */
const stateSchema = z
  .looseObject({
    step: count.describe('updates done'),
    optimizer: z.object({
      steps: count.describe('updates of the optimizer'),
      missed: z.record(z.string(), count).optional().describe('steps without a gradient, by parameter'),
    }),
    datasetSize: z.int().min(1).describe('samples of the training data'),
    spent: z
      .object({
        steps: count.describe('updates done'),
        forwards: amount.describe('forwards of a whole sequence'),
        seconds: amount.describe('seconds of training'),
      })
      .optional(),
    loaded: z
      .array(z.string())
      .default([])
      .describe('parameters that the run began with from a file, by name'),
    ema: z
      .object({ updates: count.describe('updates of the averaged weights') })
      .optional()
      .describe('averaged weights'),
    online: z.unknown().optional().describe('state of compression.online'),
    skipped: z.object({ count, first: z.array(problem), ids: z.array(count).optional() }).optional(),
  })
  .refine(({ optimizer, step }) => optimizer.steps === step, {
    path: ['optimizer', 'steps'],
    error: 'expected the same number as in step',
  })
  .refine(({ optimizer: { steps, missed } }) => Object.values(missed ?? {}).every((each) => each <= steps), {
    path: ['optimizer', 'missed'],
    error: 'expected at most as many as in step',
  })
  .refine(({ spent, step }) => spent === undefined || spent.steps === step, {
    path: ['spent', 'steps'],
    error: 'expected the same number as in step',
  })
  .transform(({ spent, skipped, ...rest }) => ({
    ...rest,
    spent: spent ?? { steps: rest.step, forwards: 0, seconds: 0 },
    skipped: skipped ?? { count: 0, first: [] },
  }));

export type CheckpointState = z.output<typeof stateSchema>;

/** Reads state.json. Throws a CoupletError when it is missing, damaged, or of another step than its folder's name. */
export function readState({ path, step }: CheckpointPlace): CheckpointState {
  const file = join(path, STATE_FILE);
  const todo = 'Use another checkpoint, or bring this file back.';
  const state = readJsonFile(file, stateSchema, todo);
  if (state.step === step) return state;
  throw new CoupletError(`${file} is damaged: expected "step": ${step}, as in the folder's name. ${todo}`);
}

/** Checks state.json, and the sizes of the safetensors files. Throws a CoupletError. */
export async function verifyCheckpoint(place: CheckpointPlace): Promise<void> {
  const { ema } = readState(place);
  for (const name of [MODEL_FILE, STATE_TENSORS_FILE, ...(ema ? [EMA_FILE] : [])]) {
    const file = await openSafetensors(join(place.path, name));
    await file.close();
  }
}

/** System errors of a checkpoint that lacks a file. */
const DAMAGE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

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
      // The machine's failing: a resume from an older checkpoint would remove this one.
      const code = systemCode(error) ?? 'ENOENT';
      if (!(error instanceof CoupletError && DAMAGE.has(code))) throw error;
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
