// Batches that workers read ahead: decoded and cropped on the CPU.

import { continued } from '../data/dataset/problems.ts';
import { createLoader, type Batch as HostBatch } from '../data/index.ts';
import type { Batch } from '../methods/index.ts';
import { upload } from '../torch/upload.ts';
import type { ViewRecipe } from '../views/index.ts';
import {
  type Feed,
  type FeedContext,
  noTokens,
  placeOf,
  type StepPlace,
  viewsOf,
  withColours,
} from './context.ts';
import { tokensToDevice, viewToDevice } from './upload.ts';

export async function streamFeed(context: FeedContext): Promise<Feed> {
  const { config, dataset, tokenizer, ranks, startStep, workers } = context;
  const { prefetchBatches, maxBadShare } = config.data;
  const recipes = viewsOf(context);
  const loader = createLoader(dataset, {
    globalBatchSize: config.batch.globalBatchSize,
    rank: ranks.rank,
    worldSize: ranks.worldSize,
    views: recipes,
    ...(tokenizer && { tokenizer }),
    captions: tokenizer !== undefined,
    seed: config.seed,
    startStep,
    workers,
    prefetchBatches,
    maxBadShare,
  });
  let step = startStep;
  return {
    problems: context.skipped ? continued(context.skipped, loader.problems) : loader.problems,
    close: () => loader.close(),
    next: async () => {
      const batch = await loader.next();
      const at = placeOf(context, step++);
      return { onDevice: () => toDevice(batch, { context, recipes, at }), release: batch.release };
    },
  };
}

function toDevice(
  batch: HostBatch,
  { context, recipes, at }: { context: FeedContext; recipes: readonly ViewRecipe[]; at: StepPlace },
): Batch {
  const { device, config } = context;
  const cropped = batch.views.map((view) => viewToDevice(view, device));
  return {
    views: withColours(cropped, recipes, { ...at, seed: config.seed }),
    tokens: batch.tokens ? tokensToDevice(batch.tokens, batch.size, device) : noTokens(batch.size, device),
    ids: upload(batch.ids, [batch.size], device),
    rows: at.rows,
  };
}
