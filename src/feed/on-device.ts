// Batches of pictures that the device holds: decoded once, cropped there from then on.

import { checkBatchSize } from '../data/index.ts';
import { EpochCaptions } from '../data/loader/epoch-captions.ts';
import type { Batch } from '../methods/index.ts';
import { batchCrops } from '../on-device/batch-crops.ts';
import { loadDatasetOnDevice } from '../on-device/dataset-on-device.ts';
import { DrawAhead, drawerHere } from '../on-device/draw-ahead.ts';
import type { StepDraws } from '../on-device/step-draws.ts';
import { upload } from '../torch/upload.ts';
import { applyToViews, type ViewRecipe } from '../views/index.ts';
import { type Feed, type FeedContext, noTokens, placeOf, viewsOf } from './context.ts';
import { tokensToDevice } from './upload.ts';

/** Pictures are held at this many times the side of the largest view: a crop of a quarter of the area is then not enlarged. */
const DETAIL = 2;

/** Same samples and same crops, step by step, as streamFeed. Throws a CoupletError when the data does not fit the device. */
export async function heldFeed(context: FeedContext): Promise<Feed> {
  const { config, dataset, device, tokenizer, workers, startStep } = context;
  const recipes = viewsOf(context);
  checkBatchSize(dataset, {
    globalBatchSize: config.batch.globalBatchSize,
    worldSize: context.ranks.worldSize,
  });
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
  const captions = tokenizer && held.tokens && new EpochCaptions(dataset, { tokenizer, own: held.tokens });
  const { seed } = config;
  const drawn = { sizes: held.sizes, side: held.images.shape[1]!, recipes, seed };
  const placesOf = (step: number) => {
    const { position, count } = placeOf(context, step);
    return { position, count };
  };
  // On the CPU the device is the host, which a thread would only share.
  const drawer = device === 'cpu' ? drawerHere(drawn, placesOf) : new DrawAhead(drawn, placesOf);
  const onDevice = (step: number, draws: StepDraws): Batch => {
    const { count, rows } = placeOf(context, step);
    const ids = upload(draws.ids, [count], device);
    const crops = batchCrops(held, draws, { recipes, ids });
    return {
      views: applyToViews(crops, recipes, (view) => draws.colours[view]!),
      tokens: captions
        ? tokensToDevice(captions.tokens(placesIn(draws), seed), count, device)
        : noTokens(count, device),
      ids,
      rows,
    };
  };
  let next = startStep;
  return {
    problems: held.problems, // all of the data's, found anew by each process: those of earlier ones are among them
    close: async () => {
      await drawer.close();
      held.dispose();
    },
    next: async () => {
      const step = next++;
      const draws = await drawer.take(step);
      return { onDevice: () => onDevice(step, draws), release: () => {} };
    },
  };
}

const placesIn = ({ ids, epochs }: StepDraws) =>
  Array.from(ids, (id, row) => ({ id: Number(id), epoch: epochs[row]! }));

/** The longest side that is held. */
function maxSideOf(recipes: readonly ViewRecipe[]): number {
  return DETAIL * recipes.reduce((most, { size }) => Math.max(most, size), 0);
}
