import { checkBatchSize, checkIndex } from '../data/index.ts';
import { EpochCaptions } from '../data/loader/epoch-captions.ts';
import type { Batch } from '../methods/index.ts';
import { batchCrops } from '../on-device/batch-crops.ts';
import { loadDatasetOnDevice } from '../on-device/dataset-on-device.ts';
import { DrawAhead, drawInPlace } from '../on-device/draw-ahead.ts';
import type { StepDraws } from '../on-device/step-draws.ts';
import { upload } from '../torch/upload.ts';
import { applyToViews, type ViewRecipe } from '../views/index.ts';
import { type Feed, type FeedContext, noTokens, samplesOfStep, viewsOf } from './feed.ts';
import { tokensToDevice } from './upload.ts';

/** Pictures are held at twice the side of the largest view, so that a crop of a quarter of the area is not enlarged. */
const SIDES_PER_VIEW = 2;

/**
 * Pictures are decoded once and cropped on the device. Samples and crops are those of streamFeed(). Throws a CoupletError when the data
 * does not fit the device.
 */
export async function onDeviceFeed(context: FeedContext): Promise<Feed> {
  const { config, dataset, device, tokenizer, workers, startStep } = context;
  const recipes = viewsOf(context);
  checkBatchSize(dataset, {
    globalBatchSize: config.batch.globalBatchSize,
    worldSize: context.ranks.worldSize,
  });
  checkIndex(dataset, { maxBadShare: config.data.maxBadShare, captions: tokenizer !== undefined });
  const held = await loadDatasetOnDevice(dataset, {
    device,
    workers,
    maxSide: maxSideOf(recipes),
    maxBadShare: config.data.maxBadShare,
    ...(tokenizer && { tokenizer }),
    ...(context.onHold && { onProgress: context.onHold }),
    ...(context.onWarning && { onWarning: context.onWarning }),
    ...(config.data.cache !== undefined && {
      cache: config.data.cache,
      writesCache: context.ranks.rank === 0,
    }),
  });
  const captions =
    tokenizer && held.tokens && new EpochCaptions(dataset, { tokenizer, ownTokens: held.tokens });
  const { seed } = config;
  const drawn = { sizes: held.sizes, side: held.images.shape[1]!, recipes, seed };
  const samplesOf = (step: number) => samplesOfStep(context, step);
  // On the CPU a drawing thread would take cores from the step.
  const drawer = device === 'cpu' ? drawInPlace(drawn, samplesOf) : new DrawAhead(drawn, samplesOf);
  const toDevice = (step: number, draws: StepDraws): Batch => {
    const { count, rows } = samplesOf(step);
    const ids = upload(draws.ids, [count], device);
    const crops = batchCrops(held, draws, { recipes, ids });
    return {
      views: applyToViews(crops, recipes, (view) => draws.colours[view]!),
      tokens: captions
        ? tokensToDevice(captions.tokens(captionPlaces(draws), seed), count, device)
        : noTokens(count, device),
      ids,
      rows,
    };
  };
  let next = startStep;
  return {
    problems: held.problems, // each process reads all pictures, so these include those of earlier ones
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

const captionPlaces = ({ ids, epochs }: StepDraws) =>
  Array.from(ids, (id, row) => ({ id: Number(id), epoch: epochs[row]! }));

const maxSideOf = (recipes: readonly ViewRecipe[]) =>
  SIDES_PER_VIEW * Math.max(...recipes.map(({ size }) => size));
