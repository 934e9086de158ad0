import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { CoupletError } from '../errors.ts';
import {
  type CheckpointPlace,
  latestCheckpoint,
  listCheckpoints,
  stepOfCheckpoint,
  verifyCheckpoint,
} from '../io/checkpoint-files.ts';

/**
 * The checkpoint at a path, or for 'latest' the newest whole one. undefined: the run has none.
 * Throws a CoupletError when the one at the path is damaged or missing, and when all of the run are damaged.
 */
export async function findCheckpoint(
  runDir: string,
  checkpoint: string,
  {
    flag,
    onDamaged = () => {},
  }: { flag: '--resume' | '--checkpoint'; onDamaged?: (message: string) => void },
): Promise<CheckpointPlace | undefined> {
  if (checkpoint === 'latest') return latest(runDir, onDamaged);
  const path = resolve(checkpoint);
  const step = stepOfCheckpoint(basename(path));
  if (step === undefined || !existsSync(path)) {
    throw new CoupletError(
      `${flag} ${checkpoint}: expected ${flag === '--checkpoint' ? "'latest', 'best'" : "'latest'"} or a folder such as runs/NAME/checkpoints/step-00001200.`,
    );
  }
  await verifyCheckpoint({ path, step });
  return { path, step };
}

async function latest(runDir: string, onDamaged: (message: string) => void) {
  const damaged: string[] = [];
  const newest = await latestCheckpoint(runDir, {
    onDamaged: ({ path }, error) => damaged.push(`${path} is skipped: ${error.message}`),
  });
  if (newest || damaged.length === 0) {
    for (const message of damaged) onDamaged(message);
    return newest;
  }
  throw new CoupletError(
    `No checkpoint of ${runDir} is whole:\n${damaged.map((line) => `  ${line}`).join('\n')}\nStart a run with another --name.`,
  );
}

/**
 * Removes and returns the checkpoints after `step`. Otherwise the next resume would start from them, and pruning would remove the new
 * ones before them.
 */
export async function removeLater(runDir: string, step: number): Promise<CheckpointPlace[]> {
  const later = (await listCheckpoints(runDir)).filter((place) => place.step > step);
  for (const { path } of later) await rm(path, { recursive: true, force: true });
  return later;
}
