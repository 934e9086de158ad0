import {
  type Compression,
  checkCompression,
  noCompression,
  patchSizesThatFit,
  sequenceLength,
} from '../compress/index.ts';
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

/** A point of the grid. */
export interface Strategy extends Compression {
  /** Of one sample, in forwards of a whole sequence. */
  cost: number;
  /** Tokens of the trained net's sequence. */
  sequenceLength: number;
}

/** What an analysis is of: the same settings give the same numbers. */
export interface Settings {
  shares: number[];
  /** The first is the whole sequence, which all others are measured against. */
  grid: Strategy[];
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
  const grid = gridOf(options, context);
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
      `--sub-batch ${subBatch} does not divide --samples ${samples}: use --samples ${near}, or a sub-batch that divides.`,
    );
  const batches = samples / subBatch;
  const folds = FOLDS.find((count) => batches % count === 0);
  if (folds !== undefined) return folds;
  throw new CoupletError(
    `--samples ${samples} in sub-batches of ${subBatch} are ${batches} sub-batches, which do not divide into 4 to 16 equal folds: use --samples ${near}.`,
  );
}

/** All pairs of dropout and patch, the whole sequence first. Pairs that leave no token are left out of the default grid, and refused in a given one. */
function gridOf(options: GridOptions, { config, model }: SettingsContext): Strategy[] {
  const { image } = model;
  if (image.type === 'resnet')
    throw new CoupletError(
      'The image tower of this run is a ResNet, which has no sequence to shorten: analyse a run of a ViT.',
    );
  const { imageSize, patchSize: own } = image;
  const {
    tokenDropout = DROPOUTS,
    patchSize = patchSizesThatFit(imageSize).filter((q) => q >= own && q <= 3 * own),
  } = options;
  const none = noCompression(own);
  const pairs = tokenDropout.flatMap((d) => patchSize.map((q) => ({ tokenDropout: d, patchSize: q })));
  const asked = options.tokenDropout !== undefined && options.patchSize !== undefined;
  const fitting = pairs.filter((pair) =>
    fits(pair, { imageSize, mustFit: asked || isOnAxis(pair, { options, own }) }),
  );
  const unique = new Map([none, ...fitting].map((pair) => [`${pair.tokenDropout} ${pair.patchSize}`, pair]));
  const { cost, name } = findMethod(config.method.name);
  if (!cost)
    throw new CoupletError(
      `method ${name} does not say what a sample costs (MethodDefinition.cost): errors cannot be weighed by it.`,
    );
  return [...unique.values()].map((compression) => ({
    ...compression,
    cost: cost({ options: config.method, model, compression }),
    sequenceLength: sequenceLength(imageSize, compression),
  }));
}

/** Of lists that a person gave, each value must be possible by itself. */
function isOnAxis(
  { tokenDropout, patchSize }: Compression,
  { options, own }: { options: GridOptions; own: number },
): boolean {
  return (
    (options.tokenDropout !== undefined && patchSize === own) ||
    (options.patchSize !== undefined && tokenDropout === 0)
  );
}

function fits(
  compression: Compression,
  { imageSize, mustFit }: { imageSize: number; mustFit: boolean },
): boolean {
  try {
    checkCompression(compression, { imageSize, name: 'grid' });
    return true;
  } catch (error) {
    if (mustFit) throw error;
    return false;
  }
}
