import { continued } from '../data/dataset/problems.ts';
import { createLoader, type HostBatch } from '../data/index.ts';
import type { Batch } from '../methods/index.ts';
import { upload } from '../torch/upload.ts';
import { applyToViews, drawPhotometric, type ViewRecipe } from '../views/index.ts';
import { type Feed, type FeedContext, noTokens, type StepSamples, samplesOfStep, viewsOf } from './feed.ts';
import { tokensToDevice, viewToDevice } from './upload.ts';

/** Workers decode and crop batches ahead, on the CPU. */
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
      const samples = samplesOfStep(context, step++);
      return { toDevice: () => toDevice(batch, { context, recipes, samples }), release: batch.release };
    },
  };
}

function toDevice(
  batch: HostBatch,
  {
    context,
    recipes,
    samples: { rows, count, position },
  }: { context: FeedContext; recipes: readonly ViewRecipe[]; samples: StepSamples },
): Batch {
  const { device, config } = context;
  const positions = Array.from({ length: count }, (_, row) => position + row);
  const cropped = batch.views.map((view) => viewToDevice(view, device));
  return {
    views: applyToViews(cropped, recipes, (view) =>
      drawPhotometric(recipes[view], { seed: config.seed, positions, view }),
    ),
    tokens: batch.tokens ? tokensToDevice(batch.tokens, batch.size, device) : noTokens(batch.size, device),
    ids: upload(batch.ids, [batch.size], device),
    rows,
  };
}
