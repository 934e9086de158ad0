import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Dataset, fingerprintOf, type SourceInput } from '../data/index.ts';
import { microBatchSize } from '../evaluate/features.ts';
import { MODEL_FILE } from '../io/checkpoint-files.ts';
import type { LoadedRun } from '../run/load-run.ts';
import type { EmbedPlan } from './record.ts';

type Choices = Pick<EmbedPlan, 'dtype' | 'format' | 'texts' | 'patches'>;

export async function planOf(
  runDir: string,
  run: LoadedRun,
  { dataset, sources, choices }: { dataset: Dataset; sources: readonly SourceInput[]; choices: Choices },
): Promise<EmbedPlan> {
  const { method, model, precision, data } = run.config;
  return {
    version: 1,
    run: resolve(runDir),
    checkpoint: basename(run.checkpoint),
    step: run.step,
    weights: await weightsOf(run),
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

/** SHA-256 (hex) of a checkpoint's weights; those before the first step follow from the config's seed. */
export async function weightsOf(run: LoadedRun): Promise<string> {
  const hash = createHash('sha256');
  if (run.checkpoint === 'start') hash.update(JSON.stringify([run.config.seed, run.config.model]));
  else await pipeline(createReadStream(join(run.checkpoint, MODEL_FILE)), hash);
  return hash.digest('hex');
}

/** For pictures that were unpacked to a temporary folder, whose file times say nothing. */
function hashOfIndex({ index }: Dataset): string {
  const { kind, length, caption, captionLength, label, arena } = index.columns;
  const hash = createHash('sha256');
  for (const column of [kind, length, caption, captionLength, label, arena]) hash.update(column);
  return hash.digest('hex');
}
