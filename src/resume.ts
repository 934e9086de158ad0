// Where a run continues, and whether it may.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { RunConfig } from './config/index.ts';
import { CoupletError } from './errors.ts';
import { loadTensorsInto, readStateJson } from './io/checkpoint.ts';
import {
  latestCheckpoint,
  MODEL_FILE,
  runPaths,
  STATE_TENSORS_FILE,
  stepOfCheckpoint,
  verifyCheckpoint,
} from './io/checkpoint-files.ts';
import { type RunParts, resumeState } from './run.ts';
import { Generator } from './torch/index.ts';

/** A change in one of these would make another run of it. */
const FIXED = ['seed', 'model', 'method', 'data', 'batch', 'optimizer'] as const;
/** How fast data comes changes no number. */
const FREE_DATA = ['workers', 'prefetchBatches', 'maxBadShare'];

function fixedPart(config: RunConfig, key: (typeof FIXED)[number]): unknown {
  if (key !== 'data') return config[key];
  return Object.fromEntries(Object.entries(config.data).filter(([name]) => !FREE_DATA.includes(name)));
}

/** Throws a CoupletError that names what differs from the config that the run was started with. */
export function checkSameRun(config: RunConfig, runDir: string): void {
  const path = runPaths(runDir).config;
  if (!existsSync(path)) return;
  const saved = JSON.parse(readFileSync(path, 'utf8')) as RunConfig;
  const plain = JSON.parse(JSON.stringify(config)) as RunConfig;
  const changed = FIXED.filter((key) => !isDeepStrictEqual(fixedPart(plain, key), fixedPart(saved, key)));
  if (changed.length > 0) {
    throw new CoupletError(
      `${runDir} was started with another config: ${changed.join(', ')} differ from ${path}. Resume with the same values, or start a run with another --name.`,
    );
  }
}

/** The checkpoint to continue from: the newest whole one, or the one at a path; undefined when 'latest' finds none. */
export async function findCheckpoint(
  runDir: string,
  wanted: string,
  onDamaged: (message: string) => void,
): Promise<{ path: string; step: number } | undefined> {
  if (wanted === 'latest') {
    return latestCheckpoint(runDir, {
      onDamaged: ({ path }, error) => onDamaged(`${path} is skipped: ${error.message}`),
    });
  }
  const path = resolve(wanted);
  const step = stepOfCheckpoint(path.split('/').at(-1)!);
  if (step === undefined || !existsSync(path)) {
    throw new CoupletError(
      `--resume ${wanted}: expected 'latest' or a folder such as runs/NAME/checkpoints/step-00001200.`,
    );
  }
  await verifyCheckpoint({ path, step });
  return { path, step };
}

/** Overwrites model, method, optimizer and random state with those of a checkpoint. */
export async function restoreRun(parts: RunParts, path: string): Promise<void> {
  const json = await readStateJson(path);
  if (json.datasetSize !== parts.dataset.size) {
    throw new CoupletError(
      `${path} was written with ${json.datasetSize} samples, the data has ${parts.dataset.size} now: sample ids would shift. Bring the data back, or start a new run.`,
    );
  }
  await loadTensorsInto(join(path, MODEL_FILE), parts.method.model);
  const generator = new Generator('cpu');
  const random = generator.state();
  await loadTensorsInto(join(path, STATE_TENSORS_FILE), resumeState(parts).set('random.cpu', random));
  generator.restore(random);
  random.dispose();
  parts.optimizer.restore((json.optimizer as { steps: number }).steps);
}
