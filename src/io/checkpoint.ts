import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoupletError } from '../errors.ts';
import { type Tensor, tensorFromBits } from '../torch/index.ts';
import { writeFolderAtomically } from './atomic.ts';
import { checkpointPath, EMA_FILE, MODEL_FILE, STATE_FILE, STATE_TENSORS_FILE } from './checkpoint-files.ts';
import type { HostTensor } from './host-tensor.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

export interface CheckpointParts {
  /** model.safetensors, with the names that other tools expect. */
  model: Map<string, Tensor>;
  /** state.safetensors: optimizer, method, random generators. */
  state: Map<string, Tensor>;
  /** ema.safetensors: averaged parameters. */
  average?: Map<string, Tensor>;
  /** state.json; `step` counts optimizer steps. */
  json: { step: number; [key: string]: unknown };
}

function toHost(tensor: Tensor): HostTensor {
  const array = tensor.toArray();
  return {
    dtype: tensor.dtype,
    shape: tensor.shape,
    data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  };
}

/** Copies of tensors by name. */
export const onHost = (tensors: ReadonlyMap<string, Tensor>): Map<string, HostTensor> =>
  new Map([...tensors].map(([name, tensor]) => [name, toHost(tensor)]));

/** Writes a checkpoint, complete or not at all (`writeFolderAtomically`). Returns its folder. */
export async function saveCheckpoint(
  runDir: string,
  { model, state, average, json }: CheckpointParts,
): Promise<string> {
  const path = checkpointPath(runDir, json.step);
  await writeFolderAtomically(path, async (folder) => {
    await writeSafetensors(join(folder, MODEL_FILE), onHost(model));
    await writeSafetensors(join(folder, STATE_TENSORS_FILE), onHost(state));
    if (average) await writeSafetensors(join(folder, EMA_FILE), onHost(average));
    await writeFile(join(folder, STATE_FILE), `${JSON.stringify(json, null, 1)}\n`);
  });
  return path;
}

/** Overwrites tensors with those of a file. Throws a CoupletError for a missing tensor, an extra one or another shape. */
export async function loadTensorsInto(path: string, tensors: Map<string, Tensor>): Promise<void> {
  const { tensors: stored } = await readSafetensors(path);
  const unused = new Set(stored.keys());
  for (const [name, tensor] of tensors) {
    const host = stored.get(name);
    const expected = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
    if (!host)
      throw new CoupletError(
        `${path} has no tensor ${name} (${expected} expected): it belongs to another model or method. Resume with the config of that run.`,
      );
    const actual = `${host.dtype} [${host.shape.join(', ')}]`;
    if (actual !== expected)
      throw new CoupletError(
        `${path}: ${name} is ${actual}, expected ${expected}: it belongs to another model or data set. Resume with the config of that run.`,
      );
    overwrite(tensor, host);
    unused.delete(name);
  }
  const [extra] = unused;
  if (extra !== undefined)
    throw new CoupletError(
      `${path} has ${unused.size} tensors that this run does not have, first ${extra}: it belongs to another model or method. Resume with the config of that run.`,
    );
}

function overwrite(tensor: Tensor, { data, shape, dtype }: HostTensor): void {
  const source = tensorFromBits(data, shape, dtype);
  tensor.set_(source);
  source.dispose();
}
