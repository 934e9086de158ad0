import type { Dataset } from '../dataset/dataset.ts';
import { type EvalBatches, passOver } from './eval-batches.ts';
import { type PassInput, parseOptions, passOptionsSchema } from './loader-options.ts';

type Shared = Omit<PassInput, 'microBatchSize' | 'rank' | 'worldSize' | 'cacheBytes'>;

const BATCH_SAMPLES = 4096;

/**
 * Width and height of every upright picture, [n, 2] in pixels; 0 x 0 for a bad one. Only headers are read, so damage after them is
 * not noticed.
 */
export async function pictureSizes(dataset: Dataset, options: Shared): Promise<Int32Array> {
  const { workers, minSide, maxPixels } = options;
  const parsed = parseOptions(
    passOptionsSchema,
    {
      workers,
      minSide,
      maxPixels,
      microBatchSize: BATCH_SAMPLES,
      captions: false,
      maxBadShare: 1,
      cacheBytes: 0,
    },
    'sizes of pictures',
  );
  const sizes = new Int32Array(dataset.size * 2);
  for await (const batch of passOver(dataset, parsed, [])) {
    for (const [row, id] of batch.ids.entries())
      sizes.set(batch.sizes.subarray(row * 2, row * 2 + 2), Number(id) * 2);
    batch.release();
  }
  return sizes;
}

/** Tokens of the first epoch's captions, [n, L]; zeros for a bad sample. Decodes no picture. */
export async function captionTokens(
  dataset: Dataset,
  { workers, tokenizer }: Pick<Shared, 'workers'> & Required<Pick<Shared, 'tokenizer'>>,
): Promise<Int32Array> {
  const parsed = parseOptions(
    passOptionsSchema,
    { workers, tokenizer, microBatchSize: BATCH_SAMPLES, maxBadShare: 1, cacheBytes: 0 },
    'tokens of captions',
  );
  const length = tokenizer.contextLength;
  const tokens = new Int32Array(dataset.size * length);
  for await (const batch of passOver(dataset, parsed, [])) {
    for (const [row, id] of batch.ids.entries())
      tokens.set(batch.tokens!.subarray(row * length, (row + 1) * length), Number(id) * length);
    batch.release();
  }
  return tokens;
}

/**
 * Every picture once, in index order, in the upper left of an S x S canvas (other pixels are undefined), shrunk if larger. Leaves out and
 * counts bad samples.
 * @param options.side S, in pixels
 */
export function wholePictures(
  dataset: Dataset,
  { side, ...options }: Shared & { side: number; microBatchSize: number },
): EvalBatches {
  const parsed = parseOptions(passOptionsSchema, { ...options, cacheBytes: 0 }, 'whole pictures');
  return passOver(dataset, parsed, [{ size: side, transform: { type: 'whole', interpolation: 'bicubic' } }]);
}
