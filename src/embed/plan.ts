import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { type Dataset, fingerprintOf, type SourceInput } from '../data/index.ts';
import { microBatchSize } from '../evaluate/features.ts';
import type { LoadedRun } from '../run/load-run.ts';
import { scope } from '../torch/index.ts';
import type { EmbedPlan } from './record.ts';

type Choices = Pick<EmbedPlan, 'dtype' | 'format' | 'texts' | 'patches'>;

export function planOf(
  runDir: string,
  run: LoadedRun,
  { dataset, sources, choices }: { dataset: Dataset; sources: readonly SourceInput[]; choices: Choices },
): EmbedPlan {
  const { method, model, precision, data } = run.config;
  return {
    version: 1,
    run: resolve(runDir),
    checkpoint: basename(run.checkpoint),
    step: run.step,
    weights: weightsOf(run),
    method: method.name,
    model,
    source: sources.length === 1 ? sources[0] : sources,
    directory: process.cwd(),
    samples: dataset.size,
    fingerprint: fingerprintOf(dataset) ?? hashOfIndex(dataset),
    ...choices,
    precision,
    device: run.device.replace(/:.*/, ''),
    batch: microBatchSize(run.imageSize),
    preprocessing: {
      imageSize: run.imageSize,
      crop: 'center',
      interpolation: 'bicubic',
      mean: [...data.mean],
      std: [...data.std],
    },
  };
}

/** SHA-256 (hex) of the weights that a run was loaded with, which may be averaged ones. */
export function weightsOf({ method }: LoadedRun): string {
  const hash = createHash('sha256');
  for (const [name, tensor] of method.model) {
    const { buffer, byteOffset, byteLength } = scope(() => tensor.toArray());
    hash
      .update(`${name} ${tensor.dtype} ${tensor.shape}\n`)
      .update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/** For pictures that were unpacked to a temporary folder, whose file times say nothing. */
function hashOfIndex({ index }: Dataset): string {
  const { kind, length, caption, captionLength, label, arena } = index.columns;
  const hash = createHash('sha256');
  for (const column of [kind, length, caption, captionLength, label, arena]) hash.update(column);
  return hash.digest('hex');
}
