import type { Dataset } from '../dataset/dataset.ts';
import { checkBadShare, ProblemLog, type Problems } from '../dataset/problems.ts';
import type { ViewCut } from '../pictures/cut-views.ts';
import { BatchMaker, type HostBatch, type Pending } from './batches.ts';
import {
  type EvalOptions,
  evalOptionsSchema,
  keepDecoded,
  type PassOptions,
  parseOptions,
  startPool,
} from './loader-options.ts';

/** One pass over the data. */
export interface EvalBatches extends AsyncIterable<HostBatch> {
  /** Bad samples met so far. */
  readonly problems: Problems;
}

/**
 * Every sample once, in index order, its middle; rank r sees its contiguous part. Bad samples are left out and counted, so `size` may
 * be less than `microBatchSize`, and 0 batches are not given.
 * @throws CoupletError when options are wrong, or, after the last batch, when more samples were bad than allowed
 */
export function evalBatches(dataset: Dataset, options: EvalOptions): EvalBatches {
  const { imageSize, interpolation, ...shared } = parseOptions(evalOptionsSchema, options, 'evaluation');
  const view: ViewCut = { size: imageSize, transform: { type: 'center-crop', interpolation } };
  return passOver(dataset, shared, [view]);
}

/** As evalBatches, with other views: none to read sizes and captions alone. */
export function passOver(dataset: Dataset, options: PassOptions, views: readonly ViewCut[]): EvalBatches {
  const problems = new ProblemLog();
  return { problems, [Symbol.asyncIterator]: () => run(dataset, { ...options, views }, problems) };
}

async function* run(
  dataset: Dataset,
  options: PassOptions & { views: readonly ViewCut[] },
  problems: ProblemLog,
): AsyncGenerator<HostBatch> {
  const { rank, worldSize, microBatchSize, prefetchBatches, views } = options;
  const first = Math.floor((dataset.size * rank) / worldSize);
  const end = Math.floor((dataset.size * (rank + 1)) / worldSize);
  const { pool, fill } = startPool(dataset, options, { order: 'once', seed: 0, views });
  const maker = new BatchMaker(pool, fill);
  const ahead: Pending[] = [];
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
    if (worldSize === 1) await keepDecoded(dataset); // a rank's part is no file for all
  } finally {
    await pool.close();
  }
}
