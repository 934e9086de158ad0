import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoupletError } from '../errors.ts';
import { type Tensor, tensorFromBits } from '../torch/index.ts';
import { writeFolderAtomically } from './atomic.ts';
import { checkpointPath, MODEL_FILE, STATE_FILE, STATE_TENSORS_FILE } from './checkpoint-files.ts';
import type { HostTensor } from './host-tensor.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

/** What a checkpoint holds: live tensors by name, and plain numbers. */
export interface CheckpointParts {
  /** Written to model.safetensors, under the names that other tools expect. */
  model: Map<string, Tensor>;
  /** Everything else that a resume needs: optimizer, method, random generators. */
  state: Map<string, Tensor>;
  /** Written to state.json; `step` is the count of updates done. */
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

const hosted = (tensors: Map<string, Tensor>) =>
  new Map([...tensors].map(([name, tensor]) => [name, toHost(tensor)]));

/** Writes a checkpoint that is whole or not there, flushed to the disk. Returns its folder. */
export async function saveCheckpoint(
  runDir: string,
  { model, state, json }: CheckpointParts,
): Promise<string> {
  const path = checkpointPath(runDir, json.step);
  await writeFolderAtomically(path, async (folder) => {
    await writeSafetensors(join(folder, MODEL_FILE), hosted(model));
    await writeSafetensors(join(folder, STATE_TENSORS_FILE), hosted(state));
    await writeFile(join(folder, STATE_FILE), `${JSON.stringify(json, null, 1)}\n`);
  });
  return path;
}

/** Overwrites live tensors with those of a file. Throws a CoupletError that names the first that is missing, left over or of another shape. */
export async function loadTensorsInto(path: string, tensors: Map<string, Tensor>): Promise<void> {
  const { tensors: stored } = await readSafetensors(path);
  const left = new Set(stored.keys());
  for (const [name, tensor] of tensors) {
    const host = stored.get(name);
    const want = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
    if (!host)
      throw new CoupletError(
        `${path} has no tensor ${name} (${want} expected): it belongs to another model or method. Resume with the config of that run.`,
      );
    const got = `${host.dtype} [${host.shape.join(', ')}]`;
    if (got !== want)
      throw new CoupletError(
        `${path}: ${name} is ${got}, expected ${want}: another model, or another data set. Resume with the config of that run.`,
      );
    overwrite(tensor, host);
    left.delete(name);
  }
  const [extra] = left;
  if (extra !== undefined)
    throw new CoupletError(
      `${path} has ${left.size} tensors that this run does not know, the first is ${extra}: it belongs to another model or method.`,
    );
}

function overwrite(tensor: Tensor, { data, shape, dtype }: HostTensor): void {
  const source = tensorFromBits(data, shape, dtype);
  tensor.set_(source);
  source.dispose();
}

/** The numbers of a checkpoint's state.json. */
export async function readStateJson(path: string): Promise<CheckpointParts['json']> {
  return JSON.parse(await readFile(join(path, STATE_FILE), 'utf8'));
}
