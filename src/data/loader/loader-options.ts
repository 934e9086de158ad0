import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { fingerprintOf } from '../dataset/fingerprint.ts';
import { checkBadShare, ProblemLog } from '../dataset/problems.ts';
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

/** Defaults are CLIP's. Not strict: a ViewRecipe also has photometric steps. */
const view = z.object({
  /** Side in pixels. */
  size: z.int().min(1),
  crop: z
    .strictObject({ scale: range.default([0.9, 1]), ratio: range.default([3 / 4, 4 / 3]), interpolation })
    .prefault({}),
  /** Probability of mirroring left to right. */
  flip: z.number().min(0).max(1).default(0),
});

const tokenizer = z.object({
  /** A TokenizerSpec, for the workers. */
  spec: z.unknown(),
  contextLength: z.int().min(1),
});

const shared = {
  rank: z.int().min(0).default(0),
  worldSize: z.int().min(1).default(1),
  /** For tokens instead of texts. */
  tokenizer: tokenizer.optional(),
  /** Default: when the data has captions. */
  captions: z.boolean().optional(),
  workers: z.int().min(1).max(1024).default(2),
  prefetchBatches: z.int().min(1).max(1024).default(2),
  /** Share of samples. */
  maxBadShare: z.number().min(0).max(1).default(0.01),
  maxPixels: z.int().min(1).default(178_956_970),
  /** In pixels; smaller pictures are bad. */
  minSide: z.int().min(1).default(8),
  /** For decoded pictures of at most 128 x 128 pixels; 0: no cache. */
  cacheBytes: z
    .int()
    .min(0)
    .default(2 ** 30),
  /** Folder for the cache's file, written after a whole pass. */
  cacheFolder: z.string().min(1).optional(),
};

export const loaderOptionsSchema = z.strictObject({
  ...shared,
  /** Samples of one step on all ranks. */
  globalBatchSize: z.int().min(1),
  views: z.array(view).min(1),
  seed: z.int().min(0),
  startStep: z.int().min(0).default(0),
});

export const passOptionsSchema = z.strictObject({
  ...shared,
  /** Samples of one batch on this rank. */
  microBatchSize: z.int().min(1),
  /** First sample of this rank's part, from its beginning. */
  start: z.int().min(0).default(0),
});

export const evalOptionsSchema = z.strictObject({
  ...passOptionsSchema.shape,
  /** Side of the centre crop, in pixels. */
  imageSize: z.int().min(1),
  interpolation,
});

export type LoaderOptions = z.input<typeof loaderOptionsSchema>;
export type EvalOptions = z.input<typeof evalOptionsSchema>;
export type PassInput = z.input<typeof passOptionsSchema>;
export type PassOptions = z.output<typeof passOptionsSchema>;
type Shared = Omit<PassOptions, 'microBatchSize' | 'start'>;

export function viewCut({ size, crop, flip }: z.output<typeof view>): ViewCut {
  return { size, transform: { type: 'random-resized-crop', ...crop, flip } };
}

/** @throws CoupletError listing all that is wrong with the options */
export function parseOptions<S extends z.ZodType>(schema: S, options: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new CoupletError(`${what}: ${z.prettifyError(parsed.error)}`);
  const { rank, worldSize } = parsed.data as { rank: number; worldSize: number };
  if (rank >= worldSize)
    throw new CoupletError(
      `${what}: rank ${rank} is too large: expected less than worldSize ${worldSize}. Number ranks from 0.`,
    );
  return parsed.data;
}

interface SavedCache {
  cache: PixelCache;
  path?: string;
  savedUnits: number;
}

/** Shared by evaluations and later loaders of a data set. */
const caches = new WeakMap<Dataset, SavedCache>();

function cacheOf(dataset: Dataset, { cacheBytes, cacheFolder }: Shared): PixelCache | undefined {
  if (cacheBytes === 0) return undefined;
  const known = caches.get(dataset);
  if (known) return known.cache;
  const cache = createPixelCache(dataset.size, cacheBytes);
  if (!cache) return undefined;
  const fingerprint = cacheFolder === undefined ? undefined : fingerprintOf(dataset);
  const path = fingerprint && pixelPath(cacheFolder!, fingerprint);
  if (path) loadPixels(path, cache);
  caches.set(dataset, { cache, ...(path && { path }), savedUnits: cache.head[0]! });
  return cache;
}

/** Does nothing when the file is up to date. */
export async function saveDecoded(dataset: Dataset): Promise<void> {
  const saved = caches.get(dataset);
  if (!saved?.path || saved.cache.head[0] === saved.savedUnits) return;
  saved.savedUnits = saved.cache.head[0]!;
  await savePixels(saved.path, saved.cache);
}

function captionMode(dataset: Dataset, options: Shared): FillConfig['captions'] {
  const wanted = options.tokenizer !== undefined || (options.captions ?? dataset.hasCaptions);
  if (!wanted) return 'none';
  if (dataset.hasCaptions) return options.tokenizer ? 'tokens' : 'texts';
  throw new CoupletError(
    'Captions were asked for, but the data has none: expected a caption column, txt members, or labels with classNames. ' +
      'Name the column, or give classNames and templates.',
  );
}

/** @throws CoupletError when indexing found more than `maxBadShare` of the samples bad */
export function checkIndex(
  { size, problems, uncaptioned }: Dataset,
  { maxBadShare, captions }: { maxBadShare: number; captions: boolean },
): void {
  const bad = new ProblemLog();
  bad.addAll(problems);
  if (captions) bad.addAll(uncaptioned);
  checkBadShare(bad, size + problems.count, maxBadShare);
}

/** @throws CoupletError when indexing found too many bad samples */
export function startPool(
  dataset: Dataset,
  options: Shared,
  stream: Pick<FillConfig, 'order' | 'seed' | 'views'>,
): { pool: WorkerPool; fill: FillConfig } {
  const { tokenizer, minSide, maxPixels } = options;
  const captions = captionMode(dataset, options);
  checkIndex(dataset, { maxBadShare: options.maxBadShare, captions: captions !== 'none' });
  const fill: FillConfig = {
    index: dataset.index,
    cache: cacheOf(dataset, options),
    contextLength: tokenizer?.contextLength ?? 0,
    captions,
    minSide,
    maxPixels,
    ...stream,
  };
  return { pool: new WorkerPool(options.workers, { fill, tokenizer: tokenizer?.spec }), fill };
}
