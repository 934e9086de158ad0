// Batches of pictures that the device holds: decoded once, cropped there from then on.
import { HeldCaptions } from '../data/held-captions.ts';
import { checkBatchSize } from '../data/index.ts';
import { tokensToDevice } from '../feed.ts';
import type { Batch } from '../methods/index.ts';
import { upload } from '../torch/upload.ts';
import { holdPictures } from '../views/held.ts';
import { heldViews, placesAt } from '../views/held-views.ts';
import type { ViewRecipe } from '../views/index.ts';
import { type Feed, type FeedContext, noTokens, placeOf, viewsOf, withColours } from './context.ts';

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
  context.onHold?.(0, dataset.size);
  const held = await holdPictures(dataset, {
    device,
    workers,
    maxSide: maxSideOf(recipes),
    maxBadShare: config.data.maxBadShare,
    ...(tokenizer && { tokenizer }),
    ...(context.onHold && { onProgress: context.onHold }),
  });
  const captions = tokenizer && held.tokens && new HeldCaptions(dataset, { tokenizer, own: held.tokens });
  const { seed } = config;
  const onDevice = (step: number): Batch => {
    const at = placeOf(context, step);
    const places = placesAt(held, { ...at, seed });
    const ids = upload(
      BigInt64Array.from(places, ({ id }) => BigInt(id)),
      [at.count],
      device,
    );
    return {
      views: withColours(heldViews(held, places, { recipes, seed, ids }), recipes, { ...at, seed }),
      tokens: captions
        ? tokensToDevice(captions.tokens(places, seed), at.count, device)
        : noTokens(at.count, device),
      ids,
      rows: at.rows,
    };
  };
  let next = startStep;
  return {
    problems: held.problems, // all of the data's, found anew by each process: those of earlier ones are among them
    close: async () => held.dispose(),
    next: async () => {
      const step = next++;
      return { onDevice: () => onDevice(step), release: () => {} };
    },
  };
}

/** The longest side that is held. */
function maxSideOf(recipes: readonly ViewRecipe[]): number {
  return DETAIL * recipes.reduce((most, { size }) => Math.max(most, size), 0);
}
