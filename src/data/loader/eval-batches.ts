import type { Dataset } from '../dataset/dataset.ts';
import { BadSamples, checkBadShare, type Problems } from '../dataset/problems.ts';
import type { ViewCut } from '../pictures/cut-views.ts';
import { BatchMaker, type HostBatch, type PendingFill } from './batches.ts';
import {
  type EvalOptions,
  evalOptionsSchema,
  type PassOptions,
  parseOptions,
  saveDecoded,
  startPool,
} from './loader-options.ts';

export interface EvalBatches extends AsyncIterable<HostBatch> {
  /** Bad samples so far. */
  readonly problems: Problems;
}

/**
 * The centre crop of every sample once, in index order; rank r has its contiguous part. Bad samples are left out and counted, so
 * batches may be smaller than `microBatchSize`. They go to `problems` before the next batch is yielded.
 * @throws CoupletError when options are wrong or, after the last batch, too many samples were bad
 */
export function evalBatches(
  dataset: Dataset,
  options: EvalOptions,
  problems = new BadSamples(),
): EvalBatches {
  const { imageSize, interpolation, ...shared } = parseOptions(evalOptionsSchema, options, 'evaluation');
  const view: ViewCut = { size: imageSize, transform: { type: 'center-crop', interpolation } };
  return passOver(dataset, shared, [view], problems);
}

/** Without views, only sizes and captions are read. */
export function passOver(
  dataset: Dataset,
  options: PassOptions,
  views: readonly ViewCut[],
  problems = new BadSamples(),
): EvalBatches {
  return { problems, [Symbol.asyncIterator]: () => run(dataset, { ...options, views }, problems) };
}

async function* run(
  dataset: Dataset,
  options: PassOptions & { views: readonly ViewCut[] },
  problems: BadSamples,
): AsyncGenerator<HostBatch> {
  const { rank, worldSize, microBatchSize, prefetchBatches, views, start } = options;
  const first = Math.floor((dataset.size * rank) / worldSize) + start;
  const end = Math.floor((dataset.size * (rank + 1)) / worldSize);
  const { pool, fill } = startPool(dataset, options, { order: 'once', seed: 0, views });
  const maker = new BatchMaker(pool, fill);
  const ahead: PendingFill[] = [];
  let position = first;
  try {
    while (position < end || ahead.length > 0) {
      while (position < end && ahead.length < prefetchBatches) {
        const rows = Math.min(microBatchSize, end - position);
        ahead.push(maker.start(position, rows));
        position += rows;
      }
      const batch = await maker.finish(ahead.shift()!, problems);
      if (batch.size > 0) yield batch;
    }
    checkBadShare(problems, end - first, options.maxBadShare);
    if (worldSize === 1) await saveDecoded(dataset); // a part is no file for all ranks
  } finally {
    await pool.close();
  }
}
