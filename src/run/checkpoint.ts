// Where a run continues, and whether it may.
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { migrateConfig, type RunConfig } from '../config/index.ts';
import type { Problems } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { loadTensorsInto, readStateJson } from '../io/checkpoint.ts';
import {
  type CheckpointPlace,
  latestCheckpoint,
  listCheckpoints,
  MODEL_FILE,
  runPaths,
  STATE_TENSORS_FILE,
  stepOfCheckpoint,
  verifyCheckpoint,
} from '../io/checkpoint-files.ts';
import type { Method } from '../methods/index.ts';
import type { SavedOnlineState } from '../online-compression/index.ts';
import type { Spent } from '../time/budget.ts';
import { Generator, type Tensor } from '../torch/index.ts';
import { liveState, type RunParts } from './build.ts';

/** A change in one of these would make another run of it. */
const FIXED = ['seed', 'model', 'method', 'data', 'compression', 'batch', 'optimizer'] as const;
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
  const saved = migrateConfig(JSON.parse(readFileSync(path, 'utf8')) as RunConfig);
  const plain = JSON.parse(JSON.stringify(config)) as RunConfig;
  const changed = FIXED.flatMap((key) => changes(fixedPart(saved, key), fixedPart(plain, key), key));
  if (changed.length > 0) {
    throw new CoupletError(
      `${runDir} was started with another config:\n${changed.map((line) => `  ${line}`).join('\n')}\nResume with the values of ${path}, or start a run with another --name.`,
    );
  }
}

/** One line for each value that differs: `batch.globalBatchSize was 16, is 8`. */
function changes(before: unknown, now: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, now)) return [];
  const parts = [before, now].map((value) =>
    value !== null && typeof value === 'object' ? value : undefined,
  );
  const [old, other] = parts as (Record<string, unknown> | undefined)[];
  if (!old || !other || Array.isArray(old) || Array.isArray(other)) {
    const [was, is] = [before, now].map((value) => JSON.stringify(value) ?? 'not there');
    return [`${path} was ${was}, is ${is}`];
  }
  const keys = new Set([...Object.keys(old), ...Object.keys(other)]);
  return [...keys].flatMap((key) => changes(old[key], other[key], `${path}.${key}`));
}

/**
 * The checkpoint that `wanted` means: the newest whole one, or the one at a path; undefined when 'latest' finds none at all.
 * Throws a CoupletError when the path is no whole checkpoint, or there are checkpoints but each is damaged.
 */
export async function findCheckpoint(
  runDir: string,
  wanted: string,
  {
    flag,
    onDamaged = () => {},
  }: { flag: '--resume' | '--checkpoint'; onDamaged?: (message: string) => void },
): Promise<CheckpointPlace | undefined> {
  if (wanted === 'latest') return latest(runDir, onDamaged);
  const path = resolve(wanted);
  const step = stepOfCheckpoint(basename(path));
  if (step === undefined || !existsSync(path)) {
    throw new CoupletError(
      `${flag} ${wanted}: expected ${flag === '--checkpoint' ? "'latest', 'best'" : "'latest'"} or a folder such as runs/NAME/checkpoints/step-00001200.`,
    );
  }
  await verifyCheckpoint({ path, step });
  return { path, step };
}

async function latest(runDir: string, onDamaged: (message: string) => void) {
  const damaged: string[] = [];
  const found = await latestCheckpoint(runDir, {
    onDamaged: ({ path }, error) => damaged.push(`${path} is skipped: ${error.message}`),
  });
  if (found || damaged.length === 0) {
    for (const message of damaged) onDamaged(message);
    return found;
  }
  throw new CoupletError(
    `No checkpoint of ${runDir} is whole:\n${damaged.map((line) => `  ${line}`).join('\n')}\nStart a run with another --name.`,
  );
}

/**
 * Removes the checkpoints after `step`: those steps are run again. Were they kept, the next resume would jump to them, and
 * pruning would take them for the newest and remove what is written now. Returns what it removed.
 */
export async function removeLater(runDir: string, step: number): Promise<CheckpointPlace[]> {
  const later = (await listCheckpoints(runDir)).filter((place) => place.step > step);
  for (const { path } of later) await rm(path, { recursive: true, force: true });
  return later;
}

/** Whole tables by sample id, on the host, to be filled from a checkpoint. */
function emptyTables({ tables = new Map() }: Method): Map<string, Tensor> {
  return new Map(
    [...tables].flatMap(([name, table]) => {
      const { rows, visited } = table.whole();
      return [
        [`method.${name}.rows`, rows],
        [`method.${name}.visited`, visited],
      ] as const;
    }),
  );
}

/** Overwrites model, method, optimizer and random state with those of a checkpoint. Returns what was skipped until then. */
export async function restoreRun(parts: RunParts, path: string): Promise<{ skipped: Problems }> {
  const json = await readStateJson(path);
  if (json.datasetSize !== parts.dataset.size) {
    throw new CoupletError(
      `${path} was written with ${json.datasetSize} samples, the data has ${parts.dataset.size} now: sample ids would shift. Bring the data back, or start a new run.`,
    );
  }
  await loadTensorsInto(join(path, MODEL_FILE), parts.method.model);
  const generator = new Generator('cpu');
  const random = generator.state();
  const tables = emptyTables(parts.method);
  await loadTensorsInto(
    join(path, STATE_TENSORS_FILE),
    new Map([...liveState(parts), ...tables, ['random.cpu', random]]),
  );
  generator.restore(random);
  for (const [name, table] of parts.method.tables ?? []) {
    table.scatter({
      rows: tables.get(`method.${name}.rows`)!,
      visited: tables.get(`method.${name}.visited`)!,
    });
  }
  for (const tensor of [random, ...tables.values()]) tensor.dispose();
  parts.optimizer.restore((json.optimizer as { steps: number }).steps);
  // Older checkpoints say neither what was spent nor what was skipped.
  parts.plan.budget.restore(
    (json.spent as Spent | undefined) ?? { steps: json.step, forwards: 0, seconds: 0 },
  );
  parts.plan.online?.restore(json.online as SavedOnlineState | undefined, path);
  return { skipped: (json.skipped as Problems | undefined) ?? { count: 0, first: [] } };
}
