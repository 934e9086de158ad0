import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import type { Dataset } from './dataset.ts';
import type { FillConfig } from './fill.ts';
import { createPixelCache, type PixelCache } from './pixel-cache.ts';
import { WorkerPool } from './pool.ts';

const interpolation = z.enum(['bicubic', 'bilinear']).default('bicubic');
const range = z
  .tuple([z.number().positive(), z.number().positive()])
  .refine(([low, high]) => low <= high, {
    message: 'expected [least, most]',
  })
  .readonly();

/** How pictures become squares; the defaults of a random crop are CLIP's. */
export const transformSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('random-resized-crop'),
    scale: range.default([0.9, 1]),
    ratio: range.default([3 / 4, 4 / 3]),
    flip: z.boolean().default(false),
    interpolation,
  }),
  z.strictObject({ type: z.literal('center-crop'), interpolation }),
]);

const tokenizer = z.object({
  /** A TokenizerSpec: workers make the tokenizer themselves. */
  spec: z.unknown(),
  contextLength: z.int().min(1),
});

const shared = {
  rank: z.int().min(0).default(0),
  worldSize: z.int().min(1).default(1),
  /** Side of the square pictures, in pixels. */
  imageSize: z.int().min(1),
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
};

export const loaderOptionsSchema = z.strictObject({
  ...shared,
  /** Samples of one step, on all ranks together. */
  globalBatchSize: z.int().min(1),
  views: z.int().min(1).default(1),
  transform: transformSchema,
  seed: z.int().min(0),
  startStep: z.int().min(0).default(0),
});

export const evalOptionsSchema = z.strictObject({
  ...shared,
  /** Samples of one batch on this rank; the last batch is smaller. */
  microBatchSize: z.int().min(1),
  transform: transformSchema.default({ type: 'center-crop', interpolation: 'bicubic' }),
});

export type LoaderOptions = z.input<typeof loaderOptionsSchema>;
export type EvalOptions = z.input<typeof evalOptionsSchema>;
type Shared = Omit<z.output<typeof evalOptionsSchema>, 'microBatchSize'>;

/** Checks options against a schema. Throws a CoupletError that lists what is wrong. */
export function parseOptions<S extends z.ZodType>(schema: S, options: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new CoupletError(`${what}: ${z.prettifyError(parsed.error)}`);
  const { rank, worldSize } = parsed.data as { rank: number; worldSize: number };
  if (rank >= worldSize)
    throw new CoupletError(`${what}: rank ${rank} should be less than worldSize ${worldSize}.`);
  return parsed.data;
}

/** One cache per data set, so that evaluations and later loaders find what was decoded before. */
const caches = new WeakMap<Dataset, PixelCache>();

function cacheOf(dataset: Dataset, bytes: number): PixelCache | undefined {
  const known = caches.get(dataset);
  if (known || bytes === 0) return bytes === 0 ? undefined : known;
  const made = createPixelCache(dataset.size, bytes);
  if (made) caches.set(dataset, made);
  return made;
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
  stream: Pick<FillConfig, 'order' | 'seed'> & { views: number },
): { pool: WorkerPool; fill: FillConfig } {
  const { imageSize, tokenizer, transform, minSide, maxPixels } = options;
  const contextLength = tokenizer?.contextLength ?? 0;
  const fill: FillConfig = {
    index: dataset.index,
    cache: cacheOf(dataset, options.cacheBytes),
    shape: { views: stream.views, imageSize, contextLength },
    captions: captionMode(dataset, options),
    transform,
    minSide,
    maxPixels,
    order: stream.order,
    seed: stream.seed,
  };
  return { pool: new WorkerPool(options.workers, { fill, tokenizer: tokenizer?.spec }), fill };
}
