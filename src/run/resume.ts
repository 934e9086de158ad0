import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { loadConfig } from '../config/index.ts';
import type { Problems } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { type CheckpointPlace, checkpointPath, runPaths } from '../io/checkpoint-files.ts';
import type { RunParts } from './build.ts';
import { restoreRun } from './checkpoint.ts';
import { findCheckpoint, removeLater } from './find-checkpoint.ts';
import { planOf } from './plan.ts';
import { resolveConfig } from './resolve.ts';

export interface StartPoint {
  step: number;
  /** The checkpoint is another run's: this one has none yet. */
  isForeign: boolean;
  /** Samples that could not be read before. */
  skipped: Problems;
}

export const BEGINNING: StartPoint = { step: 0, isForeign: false, skipped: { count: 0, first: [] } };

/** Of the peak; a smaller change of the learning rate is no jump. */
const JUMP = 0.01;

/**
 * Restores a run from a checkpoint. Collective.
 * @throws CoupletError when the checkpoint is damaged, belongs to other data, or lies beyond the run's duration
 */
export async function resumeRun(
  run: RunParts,
  { resume, warn }: { resume: string; warn: (message: string) => void },
): Promise<StartPoint> {
  const { runDir, ranks, plan } = run;
  const checkpoint = await findCheckpoint(runDir, resume, { flag: '--resume', onDamaged: warn });
  if (!checkpoint) {
    warn(`${runDir} has no checkpoint: the run starts from the beginning`);
    return BEGINNING;
  }
  const { step, path } = checkpoint;
  const { skipped } = await restoreRun(run, checkpoint);
  refuseShorter(run, checkpoint);
  const jump = await rateJump(run, checkpoint);
  if (jump) warn(jump);
  if (plan.budget.isExceededBy(plan.costOf(plan.contextAt(step))))
    warn(`nothing is left to train at step ${step}: give a longer duration to go on`);
  ranks.barrier('the resume');
  const removed = ranks.rank === 0 ? await removeLater(runDir, step) : [];
  for (const later of removed) warn(`${later.path} is removed: its steps are run again`);
  const isForeign = resolve(path) !== resolve(checkpointPath(runDir, step));
  return { step, isForeign, skipped };
}

/** A run in seconds always ends a little late, so it counts as finished. */
function refuseShorter({ plan: { budget } }: RunParts, { path }: CheckpointPlace): void {
  const { unit, total, spent } = budget;
  if (unit === 'seconds' || spent[unit] <= total * (1 + 1e-9)) return;
  throw new CoupletError(
    `${path} is after ${spent[unit]} ${unit}, but duration ends this run after ${total}. Give a longer duration, or an earlier checkpoint.`,
  );
}

/** A warning when the checkpoint's own config gives another learning rate here. */
async function rateJump(
  { config, plan, dataset }: RunParts,
  { path, step }: CheckpointPlace,
): Promise<string | undefined> {
  const file = runPaths(dirname(dirname(path))).config;
  if (!existsSync(file)) return undefined;
  let before: number;
  try {
    const planBefore = planOf(resolveConfig(await loadConfig(file, { saved: true })), dataset.size);
    planBefore.budget.restore(plan.budget.spent);
    before = planBefore.contextAt(step).lr;
  } catch (error) {
    if (error instanceof CoupletError) return undefined; // of an older version
    throw error;
  }
  const now = plan.contextAt(step).lr;
  if (Math.abs(now - before) <= JUMP * config.optimizer.peakLr) return undefined;
  return `the learning rate jumps from ${before.toPrecision(3)} to ${now.toPrecision(3)} at step ${step}, since duration or schedule changed. To avoid it, train from the start with the whole duration, or with schedule.shape 'constant', which has no end.`;
}
