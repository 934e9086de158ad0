import { type Candidate, gridOf } from '../compress/index.ts';
import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';

export interface GridOptions {
  /** Shares of the run, from 0 to 1; default 0, 1/4, 1/2, 3/4 and 1. */
  at?: readonly number[];
  /** Default as in the paper. */
  tokenDropout?: readonly number[];
  /** Default the sides that divide the image, up to three times the model's. */
  patchSize?: readonly number[];
  /** Samples of each gradient; default about 16,384. */
  samples?: number;
  /** K, a whole batch to the loss; default the run's global batch. */
  subBatch?: number;
  /** Adds a group `adam`: all parameters in the scale of Adam's steps. */
  adam?: boolean;
  /** Of samples and augmentations, never those of the run. */
  seed?: number;
}

/** Equal settings give equal numbers. */
export interface Settings {
  shares: number[];
  /** The whole sequence first. */
  grid: Candidate[];
  samples: number;
  subBatch: number;
  folds: number;
  /** Forwards of the run's full batch on whole sequences. */
  batchForwards: number;
  seed: number;
  adam: boolean;
}

export interface SettingsContext {
  config: RunConfig;
  model: AnyModelSpec;
  datasetSize: number;
}

const SHARES = [0, 0.25, 0.5, 0.75, 1];
/** FastCL 2.2 */
const DROPOUTS = [0, 0.25, 0.5, 0.75, 0.9];
const SAMPLES = 16_384;
/** The best first. A fold takes two vectors; an interval needs four folds. */
const FOLD_COUNTS = [8, 7, 6, 5, 4, 9, 10, 11, 12, 13, 14, 15, 16];

/** Throws a CoupletError for a wrong option. */
export function settingsOf(options: GridOptions, context: SettingsContext): Settings {
  const { config } = context;
  const grid = candidatesOf(options, context);
  const { globalBatchSize } = config.batch;
  const subBatch = whole(options.subBatch ?? globalBatchSize, { flag: '--sub-batch', least: 2 });
  const around = Math.max(1, Math.round(SAMPLES / (FOLD_COUNTS[0] * subBatch))) * FOLD_COUNTS[0] * subBatch;
  const samples = whole(options.samples ?? around, { flag: '--samples', least: 1 });
  if (subBatch > context.datasetSize)
    throw new CoupletError(
      `--sub-batch ${subBatch} is more than the ${context.datasetSize} samples of the data: give a smaller one.`,
    );
  const seed = whole(options.seed ?? 0, { flag: 'seed', least: 0 });
  return {
    shares: sharesOf(options.at ?? SHARES),
    grid,
    samples,
    subBatch,
    folds: foldsOf(samples, subBatch),
    batchForwards: globalBatchSize * grid[0].cost,
    seed,
    adam: options.adam ?? false,
  };
}

function whole(value: number, { flag, least }: { flag: string; least: number }): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new CoupletError(`${flag} is ${value}: expected a whole number, at least ${least}.`);
}

function sharesOf(shares: readonly number[]): number[] {
  const wrong = shares.find((share) => !(share >= 0 && share <= 1));
  if (wrong !== undefined || shares.length === 0)
    throw new CoupletError(
      `--at: expected parts of the run from 0 to 100 %${wrong === undefined ? '' : `, got ${wrong * 100} %`}.`,
    );
  return [...new Set(shares)].sort((a, b) => a - b);
}

function foldsOf(samples: number, subBatch: number): number {
  const near = Math.max(1, Math.round(samples / (FOLD_COUNTS[0] * subBatch))) * FOLD_COUNTS[0] * subBatch;
  if (samples % subBatch !== 0)
    throw new CoupletError(
      `--samples ${samples} is no multiple of the sub-batch, ${subBatch} samples: use --samples ${near}, or a --sub-batch that divides.`,
    );
  const batches = samples / subBatch;
  const folds = FOLD_COUNTS.find((count) => batches % count === 0);
  if (folds !== undefined) return folds;
  throw new CoupletError(
    `--samples ${samples} in sub-batches of ${subBatch} are ${batches} sub-batches, which do not divide into 4 to 16 equal folds: use --samples ${near}.`,
  );
}

/** Throws a CoupletError for a ResNet, and for values that do not fit the image. */
function candidatesOf(
  { tokenDropout, patchSize }: GridOptions,
  { config, model }: SettingsContext,
): Candidate[] {
  const { image } = model;
  if (image.type === 'resnet')
    throw new CoupletError(
      'The image tower of this run is a ResNet, which has no sequence to shorten: analyse a run of a ViT.',
    );
  const { cost } = findMethod(config.method.name);
  return gridOf(
    { tokenDropout, patchSize },
    {
      imageSize: image.imageSize,
      patchSize: image.patchSize,
      defaults: { tokenDropout: DROPOUTS, patchScale: 3 },
      cost: (compression) => cost({ options: config.method, model, compression }),
      name: { tokenDropout: '--token-dropout', patchSize: '--patch-size' },
      mustFit: 'pairs',
    },
  );
}
