import { type Candidate, gridOf } from '../compress/index.ts';
import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';

/** What a person may choose; what is left out follows from the run. */
export interface GridOptions {
  /** Shares of the run, from 0 to 1; default 0, 1/4, 1/2, 3/4 and 1. */
  at?: readonly number[];
  /** d of the grid; default those of the paper. */
  tokenDropout?: readonly number[];
  /** q of the grid; default what divides the image, from the model's own to three times that. */
  patchSize?: readonly number[];
  /** Samples of each gradient; default about 16,384. */
  samples?: number;
  /** K, the samples of a sub-batch, which is a whole batch to the loss; default the run's global batch. */
  subBatch?: number;
  /** Compute of one gradient, in forwards; default that of the run's global batch on whole sequences. */
  budget?: number;
  /** Also in the scale of Adam's steps, as a group of its own: the squared lengths of gradients over the root of their second moment. */
  adam?: boolean;
  /** Which samples and augmentations are drawn: never those of the run itself. */
  seed?: number;
}

/** What an analysis is of: the same settings give the same numbers. */
export interface Settings {
  shares: number[];
  /** The first is the whole sequence, which all others are measured against. */
  grid: Candidate[];
  samples: number;
  subBatch: number;
  folds: number;
  /** Forwards. */
  budget: number;
  seed: number;
  adam: boolean;
}

export interface SettingsContext {
  config: RunConfig;
  model: AnyModelSpec;
  datasetSize: number;
}

const SHARES = [0, 0.25, 0.5, 0.75, 1];
/** Of the paper (section 2.2). */
const DROPOUTS = [0, 0.25, 0.5, 0.75, 0.9];
const SAMPLES = 16_384;
/** How many folds are tried; each takes two vectors, and an interval needs four at least. */
const FOLDS = [8, 7, 6, 5, 4, 9, 10, 11, 12, 13, 14, 15, 16];

/** Fills in and checks the settings. Throws a CoupletError that says which is wrong and what to do. */
export function settingsOf(options: GridOptions, context: SettingsContext): Settings {
  const { config } = context;
  const grid = candidatesOf(options, context);
  const { globalBatchSize } = config.batch;
  const subBatch = whole(options.subBatch ?? globalBatchSize, { flag: '--sub-batch', least: 2 });
  const around = Math.max(1, Math.round(SAMPLES / (FOLDS[0] * subBatch))) * FOLDS[0] * subBatch;
  const samples = whole(options.samples ?? around, { flag: '--samples', least: 1 });
  if (subBatch > context.datasetSize)
    throw new CoupletError(
      `--sub-batch ${subBatch} is more than the ${context.datasetSize} samples of the data: give a smaller one.`,
    );
  const budget = options.budget ?? globalBatchSize * grid[0].cost;
  if (!(budget > 0)) throw new CoupletError(`budget is ${budget}: expected forwards, above 0.`);
  const seed = whole(options.seed ?? 0, { flag: 'seed', least: 0 });
  return {
    shares: sharesOf(options.at ?? SHARES),
    grid,
    samples,
    subBatch,
    folds: foldsOf(samples, subBatch),
    budget,
    seed,
    adam: options.adam ?? false,
  };
}

function whole(value: number, { flag, least }: { flag: string; least: number }): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new CoupletError(`${flag} is ${value}: expected a whole number from ${least} on.`);
}

function sharesOf(shares: readonly number[]): number[] {
  const wrong = shares.find((share) => !(share >= 0 && share <= 1));
  if (wrong !== undefined || shares.length === 0)
    throw new CoupletError(
      `--at: expected parts of the run from 0 to 100 %${wrong === undefined ? '' : `, got ${wrong * 100} %`}.`,
    );
  return [...new Set(shares)].sort((a, b) => a - b);
}

/** Equal folds of whole sub-batches. */
function foldsOf(samples: number, subBatch: number): number {
  const near = Math.max(1, Math.round(samples / (FOLDS[0] * subBatch))) * FOLDS[0] * subBatch;
  if (samples % subBatch !== 0)
    throw new CoupletError(
      `--samples ${samples} is no multiple of the sub-batch, ${subBatch} samples: use --samples ${near}, or a --sub-batch that divides.`,
    );
  const batches = samples / subBatch;
  const folds = FOLDS.find((count) => batches % count === 0);
  if (folds !== undefined) return folds;
  throw new CoupletError(
    `--samples ${samples} in sub-batches of ${subBatch} are ${batches} sub-batches, which do not divide into 4 to 16 equal folds: use --samples ${near}.`,
  );
}

/** The candidates of an analysis. Throws a CoupletError for a ResNet, and for values that fit no image. */
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
