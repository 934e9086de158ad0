import { join } from 'node:path';
import type { Problems } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { loadTensorsInto, saveCheckpoint } from '../io/checkpoint.ts';
import {
  type CheckpointPlace,
  checkpointPath,
  EMA_FILE,
  MODEL_FILE,
  readState,
  STATE_TENSORS_FILE,
} from '../io/checkpoint-files.ts';
import type { Method } from '../methods/index.ts';
import type { StepCounts } from '../optim/index.ts';
import { Generator, type Tensor } from '../torch/index.ts';
import type { RunParts } from './build.ts';
import { optimizerGroups } from './optimizer-groups.ts';

/** Tensors of method and optimizer, by their names in a checkpoint. */
function liveState({ method, optimizer }: Pick<RunParts, 'method' | 'optimizer'>): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  for (const [name, tensor] of method.state) state.set(`method.${name}`, tensor);
  for (const [name, tensor] of optimizer.state().tensors) state.set(`optimizer.${name}`, tensor);
  return state;
}

/** Tables by sample id, gathered from all ranks. */
function gatheredTables({ tables = new Map() }: Method): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  for (const [name, table] of tables) {
    const { rows, visited } = table.gather();
    state.set(`method.${name}.rows`, rows).set(`method.${name}.visited`, visited);
  }
  return state;
}

/** A resume counts samples beyond these again. */
const MAX_SKIPPED_IDS = 100_000;

/**
 * Writes all that a resume needs, and returns the checkpoint's path. Collective: each rank holds a part of the tables. Data needs no
 * state, since its order and augmentation follow from seed and step.
 */
export async function saveRun(
  parts: RunParts,
  { step, skipped: { count, first, ids = [] } }: { step: number; skipped: Problems },
): Promise<string> {
  const random = new Generator('cpu').state();
  const tables = gatheredTables(parts.method);
  const state = new Map([...liveState(parts), ...tables, ['random.cpu', random]]);
  const { steps, missed } = parts.optimizer.state();
  const average = parts.average?.state();
  try {
    if (parts.ranks.rank > 0) return checkpointPath(parts.runDir, step);
    return await saveCheckpoint(parts.runDir, {
      model: parts.method.model,
      state,
      ...(average && { average: average.tensors }),
      json: {
        step,
        optimizer: { steps, missed },
        datasetSize: parts.dataset.size,
        ...(parts.loaded.size > 0 && { loaded: [...parts.loaded] }),
        spent: parts.plan.budget.spent,
        ...(average && { ema: { updates: average.updates } }),
        ...(parts.plan.online && { online: parts.plan.online.state() }),
        skipped: { count, first, ids: ids.slice(0, MAX_SKIPPED_IDS) },
      },
    });
  } finally {
    for (const tensor of [random, ...tables.values()]) tensor.dispose();
  }
}

/** Tables of all samples on the host, to be filled from a checkpoint. */
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

/** For a checkpoint that does not say it: in which of its steps the method froze a parameter follows from the epoch alone. */
function missedByFreezing({ method, plan }: RunParts, steps: number): StepCounts['missed'] {
  const missed: StepCounts['missed'] = {};
  for (let step = 0; method.frozen && step < steps; step++)
    for (const name of method.frozen(plan.contextAt(step))) missed[name] = (missed[name] ?? 0) + 1;
  return missed;
}

/** Overwrites a run's state with a checkpoint. Returns the samples skipped until then. Throws a CoupletError for data of another size. */
export async function restoreRun(parts: RunParts, place: CheckpointPlace): Promise<{ skipped: Problems }> {
  const { path } = place;
  const json = readState(place);
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
  const { steps, missed = missedByFreezing(parts, steps) } = json.optimizer;
  parts.optimizer.restore({ steps, missed });
  parts.loaded = new Set(json.loaded);
  parts.optimizer.regroup(optimizerGroups(parts)); // rates depend on what was loaded when the run began
  await restoreAverage(parts, place);
  parts.plan.budget.restore(json.spent);
  parts.plan.online?.restore(json.online, path);
  return { skipped: json.skipped };
}

/** A checkpoint without one, of a run that began without `emaWeights`: the average starts there. */
async function restoreAverage({ average }: RunParts, place: CheckpointPlace): Promise<void> {
  if (!average) return;
  const { ema } = readState(place);
  if (!ema) return average.restart();
  await loadTensorsInto(join(place.path, EMA_FILE), average.state().tensors);
  average.restore(ema);
}
