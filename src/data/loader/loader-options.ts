import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { fingerprintOf } from '../dataset/fingerprint.ts';
import type { ViewCut } from '../pictures/cut-views.ts';
import { createPixelCache, type PixelCache } from '../pictures/pixel-cache.ts';
import { loadPixels, pixelPath, savePixels } from '../pictures/pixel-file.ts';
import type { FillConfig } from './fill.ts';
import { WorkerPool } from './pool.ts';

const interpolation = z.enum(['bicubic', 'bilinear']).default('bicubic');
const range = z
  .tuple([z.number().positive(), z.number().positive()])
  .refine(([low, high]) => low <= high, {
    message: 'expected [least, most]',
  })
  .readonly();

/** A random view; the defaults are CLIP's. Not strict: a ViewRecipe also has steps that are not taken here. */
const view = z.object({
  /** Side of the square view, in pixels. */
  size: z.int().min(1),
  crop: z
    .strictObject({ scale: range.default([0.9, 1]), ratio: range.default([3 / 4, 4 / 3]), interpolation })
    .prefault({}),
  /** Probability of a mirror image, left to right. */
  flip: z.number().min(0).max(1).default(0),
});

const tokenizer = z.object({
  /** A TokenizerSpec: workers make the tokenizer themselves. */
  spec: z.unknown(),
  contextLength: z.int().min(1),
});

const shared = {
  rank: z.int().min(0).default(0),
  worldSize: z.int().min(1).default(1),
  /** Gives tokens instead of texts. */
  tokenizer: tokenizer.optional(),
  /** Give captions; default: when the data has them. */
  captions: z.boolean().optional(),
  /** Worker threads. */
  workers: z.int().min(1).max(1024).default(2),
  /** Batches that are made ahead. */
  prefetchBatches: z.int().min(1).max(1024).default(2),
  /** Largest share of samples that may be bad. */
  maxBadShare: z.number().min(0).max(1).default(0.01),
  maxPixels: z.int().min(1).default(178_956_970),
  /** Pictures with a shorter side, in pixels, are bad. */
  minSide: z.int().min(1).default(8),
  /** Memory for decoded pictures of at most 128 x 128 pixels, in bytes; 0 turns the cache off. */
  cacheBytes: z
    .int()
    .min(0)
    .default(2 ** 30),
  /** Folder in which a whole pass leaves what it decoded into that memory, for the next process. */
  cacheFolder: z.string().min(1).optional(),
};

export const loaderOptionsSchema = z.strictObject({
  ...shared,
  /** Samples of one step, on all ranks together. */
  globalBatchSize: z.int().min(1),
  /** What is cut out of each picture, in order; views may differ in size. */
  views: z.array(view).min(1),
  seed: z.int().min(0),
  startStep: z.int().min(0).default(0),
});

/** What passes over a data set share. */
export const passOptionsSchema = z.strictObject({
  ...shared,
  /** Samples of one batch on this rank; the last batch is smaller. */
  microBatchSize: z.int().min(1),
});

export const evalOptionsSchema = z.strictObject({
  ...passOptionsSchema.shape,
  /** Side of the square pictures, in pixels: the middle of each picture, its shorter side brought to this. */
  imageSize: z.int().min(1),
  interpolation,
});

export type LoaderOptions = z.input<typeof loaderOptionsSchema>;
export type EvalOptions = z.input<typeof evalOptionsSchema>;
export type PassInput = z.input<typeof passOptionsSchema>;
export type PassOptions = z.output<typeof passOptionsSchema>;
type Shared = Omit<PassOptions, 'microBatchSize'>;

/** The cut of a random view. */
export function viewCut({ size, crop, flip }: z.output<typeof view>): ViewCut {
  return { size, transform: { type: 'random-resized-crop', ...crop, flip } };
}

/** Checks options against a schema. Throws a CoupletError that lists what is wrong. */
export function parseOptions<S extends z.ZodType>(schema: S, options: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new CoupletError(`${what}: ${z.prettifyError(parsed.error)}`);
  const { rank, worldSize } = parsed.data as { rank: number; worldSize: number };
  if (rank >= worldSize)
    throw new CoupletError(`${what}: rank ${rank} should be less than worldSize ${worldSize}.`);
  return parsed.data;
}

/** Decoded pictures of a data set, and where they are kept for the next process. */
interface Kept {
  cache: PixelCache;
  path?: string;
  /** Units of the arena that the file has. */
  saved: number;
}

/** One per data set, so that evaluations and later loaders find what was decoded before. */
const caches = new WeakMap<Dataset, Kept>();

function cacheOf(dataset: Dataset, { cacheBytes, cacheFolder }: Shared): PixelCache | undefined {
  if (cacheBytes === 0) return undefined;
  const known = caches.get(dataset);
  if (known) return known.cache;
  const cache = createPixelCache(dataset.size, cacheBytes);
  if (!cache) return undefined;
  const fingerprint = cacheFolder === undefined ? undefined : fingerprintOf(dataset);
  const path = fingerprint && pixelPath(cacheFolder!, fingerprint);
  if (path) loadPixels(path, cache);
  caches.set(dataset, { cache, ...(path && { path }), saved: cache.head[0]! });
  return cache;
}

/** Writes down what has been decoded since the data set's file was read or written, where it has one. */
export async function keepDecoded(dataset: Dataset): Promise<void> {
  const kept = caches.get(dataset);
  if (!kept?.path || kept.cache.head[0] === kept.saved) return;
  kept.saved = kept.cache.head[0]!;
  await savePixels(kept.path, kept.cache);
}

/** What captions a loader gives. */
function captionMode(dataset: Dataset, options: Shared): FillConfig['captions'] {
  const wanted = options.tokenizer !== undefined || (options.captions ?? dataset.hasCaptions);
  if (!wanted) return 'none';
  if (dataset.hasCaptions) return options.tokenizer ? 'tokens' : 'texts';
  throw new CoupletError(
    'Captions were asked for, but the data has none: expected a caption column, txt members, or labels with classNames. ' +
      'Name the column, or give classNames and templates.',
  );
}

/** Starts the workers. */
export function startPool(
  dataset: Dataset,
  options: Shared,
  stream: Pick<FillConfig, 'order' | 'seed' | 'views'>,
): { pool: WorkerPool; fill: FillConfig } {
  const { tokenizer, minSide, maxPixels } = options;
  const fill: FillConfig = {
    index: dataset.index,
    cache: cacheOf(dataset, options),
    contextLength: tokenizer?.contextLength ?? 0,
    captions: captionMode(dataset, options),
    minSide,
    maxPixels,
    ...stream,
  };
  return { pool: new WorkerPool(options.workers, { fill, tokenizer: tokenizer?.spec }), fill };
}
