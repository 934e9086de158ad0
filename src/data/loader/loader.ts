import { CoupletError } from '../../errors.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { BadSamples, checkBadShare, type Problems } from '../dataset/problems.ts';
import { BatchMaker, type HostBatch, type PendingFill } from './batches.ts';
import {
  type LoaderOptions,
  loaderOptionsSchema,
  parseOptions,
  startPool,
  viewCut,
} from './loader-options.ts';
import type { WorkerPool } from './pool.ts';

/** An endless stream of batches. */
export interface Loader {
  /** @throws CoupletError when too many samples are bad */
  next(): Promise<HostBatch>;
  /** Bad samples so far. */
  readonly problems: Problems;
  close(): Promise<void>;
}

/** Samples before the bad share is checked, at most an epoch. */
const MIN_CHECKED_SAMPLES = 256;

/**
 * Batches from step `startStep` on. Step s has positions [s*G, (s+1)*G) of an endless stream of shuffled epochs, rank r its part of them.
 * Neither resuming nor the number of workers changes a byte. Another sample replaces a bad one.
 * @throws CoupletError when options are wrong, the batch is larger than the data, or indexing found too many bad samples
 */
export function createLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const parsed = parseOptions(loaderOptionsSchema, options, 'loader');
  checkBatchSize(dataset, parsed);
  const { seed, views } = parsed;
  const { pool, fill } = startPool(dataset, parsed, { order: 'stream', seed, views: views.map(viewCut) });
  return new StreamLoader({ dataset, parsed, pool, maker: new BatchMaker(pool, fill) });
}

/** @throws CoupletError when ranks cannot share a batch equally, or it is larger than the data */
export function checkBatchSize(
  dataset: Dataset,
  { globalBatchSize, worldSize }: { globalBatchSize: number; worldSize: number },
): void {
  if (globalBatchSize % worldSize !== 0) {
    throw new CoupletError(
      `globalBatchSize is ${globalBatchSize}, expected a multiple of worldSize ${worldSize}. Change one of them.`,
    );
  }
  if (globalBatchSize > dataset.size) {
    throw new CoupletError(
      `globalBatchSize is ${globalBatchSize}, expected at most the ${dataset.size} samples of the data. Lower it, or add data.`,
    );
  }
}

interface Parts {
  dataset: Dataset;
  parsed: ReturnType<typeof loaderOptionsSchema.parse>;
  pool: WorkerPool;
  maker: BatchMaker;
}

class StreamLoader implements Loader {
  readonly problems = new BadSamples();
  readonly #parts: Parts;
  readonly #ahead: PendingFill[] = [];
  #step: number;
  #seen = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#step = parts.parsed.startStep;
    this.#fill();
  }

  async next(): Promise<HostBatch> {
    this.#fill();
    const pending = this.#ahead.shift()!;
    const batch = await this.#parts.maker.finish(pending, this.problems);
    this.#seen += batch.size;
    const { dataset, parsed } = this.#parts;
    if (this.#seen >= Math.min(MIN_CHECKED_SAMPLES, dataset.size)) {
      const distinct = Math.min(dataset.size, this.#seen + this.problems.count);
      checkBadShare(this.problems, distinct, parsed.maxBadShare);
    }
    this.#fill();
    return batch;
  }

  async close(): Promise<void> {
    await this.#parts.pool.close();
  }

  #fill(): void {
    const { globalBatchSize, worldSize, rank, prefetchBatches } = this.#parts.parsed;
    const rows = globalBatchSize / worldSize;
    while (this.#ahead.length < prefetchBatches) {
      this.#ahead.push(this.#parts.maker.start(this.#step++ * globalBatchSize + rank * rows, rows));
    }
  }
}
