// The runs that scripts/same-numbers.ts compares: each names what it adds to a base config.
import { join } from 'node:path';

type Config = Record<string, unknown>;

export interface Case {
  config: Config;
  /** Flags of `couplet train`. */
  flags?: string[];
  /** The step to resume from; 5 of 10 by default. */
  half?: number;
}

const image = { imageSize: 24, patchSize: 4, width: 32, layers: 2, heads: 2 };
const text = { contextLength: 16, width: 32, heads: 2, layers: 1 };
const stages = [
  { from: 0, tokenDropout: 0.5, patchSize: 8 },
  { from: 0.5, tokenDropout: 0.25 },
];
const pictures = ['simclr', 'moco-v3', 'dino'];
const versions = ['v0', 'v1', 'v2', 'v3', 'sogclr', 'isogclr'];
const optimizers = [
  { name: 'adamw', peakLr: 1e-3, clipGradNorm: 1 },
  { name: 'lamb', peakLr: 1e-3 },
  { name: 'lion', peakLr: 1e-4 },
  { name: 'sgd', peakLr: 1e-2, nesterov: true },
];

/** Heads of a published size take most of a tiny run's time. */
const SMALL_HEADS: Record<string, Config> = {
  'moco-v3': { heads: { hidden: 64, embedDim: 32 } },
  dino: { head: { hidden: 64, embedDim: 32, outputs: 256 } },
};

/** Ten steps each, with a log line a step and a checkpoint every five. @param folder where pictures.csv and pictures/ lie */
export function cases(folder: string): Record<string, Case> {
  const csv = { type: 'manifest', path: join(folder, 'pictures.csv') };
  const labelled = { type: 'folder', path: join(folder, 'pictures') };
  const base: Config = {
    device: 'cpu',
    threads: 1,
    batch: { globalBatchSize: 16 },
    duration: { steps: 10 },
    schedule: { warmup: { steps: 2 } },
    optimizer: { peakLr: 1e-3 },
    checkpoint: { every: { steps: 5 }, keep: 3 },
    log: { every: { steps: 1 } },
  };
  const words = (method: Config, more: Config = {}): Case => ({
    config: {
      ...base,
      model: { embedDim: 32, image: { ...image, pool: 'mean' }, text },
      method,
      data: { train: csv, workers: 1, tokenizer: { type: 'bpe', vocabSize: 520 } },
      evaluate: { retrieval: { data: csv } },
      ...more,
    },
  });
  const bare = (name: string, more: Config = {}): Case => ({
    config: {
      ...base,
      model: { image },
      method: { name, ...SMALL_HEADS[name] },
      data: { train: labelled, workers: 1 },
      ...more,
    },
  });
  const clip = { name: 'clip' };
  const chooses: Config = {
    duration: { steps: 160 },
    checkpoint: { every: { steps: 80 }, keep: 3 },
    compression: { online: { overhead: 0.2, tokenDropout: [0, 0.5] } },
  };
  const all: Record<string, Case> = {
    clip: words(clip),
    siglip: words({ name: 'siglip' }),
    'clip-resnet': words(clip, {
      model: {
        embedDim: 32,
        image: { type: 'resnet', imageSize: 32, width: 8, layers: [1, 1, 1, 1], heads: 2 },
        text,
      },
    }),
    'clip-in-parts': words(clip, { batch: { globalBatchSize: 16, gradAccumSteps: 2 } }),
    'clip-two-ranks': { ...words(clip), flags: ['--nproc', '2'] },
    'fastclip-two-ranks': { ...words({ name: 'fastclip' }), flags: ['--nproc', '2'] },
    'clip-on-device': words(clip, {
      data: { train: csv, workers: 1, tokenizer: { type: 'bpe', vocabSize: 520 }, hold: 'device' },
    }),
    'clip-tokens': words(clip, { data: { train: csv, workers: 1 } }),
    'clip-short': words(clip, { compression: { stages } }),
    'fastclip-chooses': { ...words({ name: 'fastclip' }, chooses), half: 80 },
    'simclr-chooses': { ...bare('simclr', chooses), half: 80 },
    'moco-v3-two-ranks': { ...bare('moco-v3'), flags: ['--nproc', '2'] },
    'dino-decay': bare('dino', {
      optimizer: { peakLr: 1e-3, weightDecay: 0.04 },
      schedule: { warmup: { steps: 2 }, finalWeightDecay: 0.4 },
    }),
  };
  for (const version of versions) all[`fastclip-${version}`] = words({ name: 'fastclip', version });
  for (const name of pictures) {
    all[name] = bare(name);
    all[`${name}-short`] = bare(name, { compression: { stages } });
    all[`${name}-in-parts`] = bare(name, { batch: { globalBatchSize: 16, gradAccumSteps: 2 } });
    all[`${name}-on-device`] = bare(name, { data: { train: labelled, workers: 1, hold: 'device' } });
  }
  for (const optimizer of optimizers) all[`optimizer-${optimizer.name}`] = words(clip, { optimizer });
  return all;
}
