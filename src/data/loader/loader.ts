import { CoupletError } from '../../errors.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { checkBadShare, ProblemLog, type Problems } from '../dataset/problems.ts';
import { BatchMaker, type HostBatch, type Pending } from './batches.ts';
import {
  type LoaderOptions,
  loaderOptionsSchema,
  parseOptions,
  startPool,
  viewCut,
} from './loader-options.ts';
import type { WorkerPool } from './pool.ts';

/** An endless stream of training batches. */
export interface Loader {
  /** The next batch. Throws a CoupletError when more samples are bad than allowed. */
  next(): Promise<HostBatch>;
  /** Bad samples that were met in the batches given so far. */
  readonly problems: Problems;
  /** Ends the workers. */
  close(): Promise<void>;
}

/** Bad samples are weighed when this many were seen, or one epoch. */
const ENOUGH = 256;

/**
 * Batches of step `startStep` and on. Step s takes positions [s*G, (s+1)*G) of an endless stream of shuffled epochs, and rank r its part of
 * them, so a run that is resumed, or run with other workers, sees the same bytes. A bad sample's place is taken by another one.
 * @throws CoupletError when options are wrong, the batch is larger than the data, or too much was bad while indexing
 */
export function createLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const parsed = parseOptions(loaderOptionsSchema, options, 'loader');
  checkBatchSize(dataset, parsed);
  const { maxBadShare, seed, views } = parsed;
  checkBadShare(dataset.problems, dataset.size + dataset.problems.count, maxBadShare);
  const { pool, fill } = startPool(dataset, parsed, { order: 'stream', seed, views: views.map(viewCut) });
  return new StreamLoader({ dataset, parsed, pool, maker: new BatchMaker(pool, fill) });
}

/** Throws a CoupletError for a batch that ranks cannot share equally, and for one that is larger than the data. */
export function checkBatchSize(
  dataset: Dataset,
  { globalBatchSize, worldSize }: { globalBatchSize: number; worldSize: number },
): void {
  if (globalBatchSize % worldSize !== 0) {
    throw new CoupletError(
      `globalBatchSize ${globalBatchSize} should be a multiple of worldSize ${worldSize}.`,
    );
  }
  if (globalBatchSize > dataset.size) {
    throw new CoupletError(
      `globalBatchSize ${globalBatchSize} is more than the data: there are ${dataset.size} samples. Lower it, or add data.`,
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
  readonly problems = new ProblemLog();
  readonly #parts: Parts;
  readonly #ahead: Pending[] = [];
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
    if (this.#seen >= Math.min(ENOUGH, dataset.size)) {
      checkBadShare(this.problems, this.#seen + this.problems.count, parsed.maxBadShare);
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
