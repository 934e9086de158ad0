// n samples, E embedding, L context length.
import { checkBatchSize, type Problems } from '../data/index.ts';
import { EpochCaptions } from '../data/loader/epoch-captions.ts';
import type { Batch } from '../methods/index.ts';
import { DrawAhead, drawInPlace } from '../on-device/draw-ahead.ts';
import type { StepDraws } from '../on-device/step-draws.ts';
import type { Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';
import { type Feed, type FeedContext, noTokens, samplesOfStep } from './feed.ts';
import { tokensToDevice } from './upload.ts';

/** What frozen towers gave for a data set, on the device. A sample's row is its id. */
export interface HeldFeatures {
  /** float16 [n, E], before head and unit sphere; zeros for a bad sample. */
  image: Tensor;
  /** int32 [n, 2]: width and height of the upright originals in pixels; 0 x 0 for a bad sample. */
  sizes: Int32Array;
  /** [n, L] on the host: captions of the first epoch. */
  tokens: Int32Array;
  /** Of a frozen text tower. */
  text?: HeldCaptions;
  problems: Problems;
  dispose(): void;
}

/** What a frozen text tower gave for each caption. */
export interface HeldCaptions {
  /** float16 [captions, E], before head and unit sphere. */
  table: Tensor;
  /** int64 [B]: rows of the captions that these samples have in these epochs. */
  rowsOf(places: readonly { id: number; epoch: number }[], seed: number): BigInt64Array;
}

/** No picture is decoded: batches are rows of a table. Samples and captions are those of streamFeed(). */
export async function heldFeaturesFeed(context: FeedContext): Promise<Feed> {
  const { config, dataset, device, tokenizer, startStep } = context;
  if (!context.holdFeatures || !tokenizer) throw new TypeError('no frozen tower, or no texts');
  const { globalBatchSize } = config.batch;
  checkBatchSize(dataset, { globalBatchSize, worldSize: context.ranks.worldSize });
  const held = await context.holdFeatures();
  const captions = new EpochCaptions(dataset, { tokenizer, ownTokens: held.tokens });
  const { seed } = config;
  const drawn = { sizes: held.sizes, side: 1, recipes: [], seed };
  const samplesOf = (step: number) => samplesOfStep(context, step);
  // On the CPU a drawing thread would take cores from the step.
  const drawer = device === 'cpu' ? drawInPlace(drawn, samplesOf) : new DrawAhead(drawn, samplesOf);
  const toDevice = (step: number, draws: StepDraws): Batch => {
    const { count, rows } = samplesOf(step);
    const ids = upload(draws.ids, [count], device);
    const places = Array.from(draws.ids, (id, row) => ({ id: Number(id), epoch: draws.epochs[row]! }));
    const image = held.image.indexSelect(0, ids);
    if (!held.text) {
      const tokens = tokensToDevice(captions.tokens(places, seed), count, device);
      return { views: [], tokens, ids, rows, held: { image } };
    }
    const { table, rowsOf } = held.text;
    const text = table.indexSelect(0, upload(rowsOf(places, seed), [count], device));
    return { views: [], tokens: noTokens(count, device), ids, rows, held: { image, text } };
  };
  let next = startStep;
  return {
    problems: held.problems, // each process encodes all pictures, so these include those of earlier ones
    close: async () => {
      await drawer.close();
      held.dispose();
    },
    next: async () => {
      const step = next++;
      const draws = await drawer.drawsOf(step);
      return { toDevice: () => toDevice(step, draws), release: () => {} };
    },
  };
}
