import { setImmediate } from 'node:timers/promises';
import { type FeedContext, openFeed } from '../feed/index.ts';
import type { Batch } from '../methods/index.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';

export interface SamplesContext extends Omit<FeedContext, 'startStep' | 'ranks'> {
  subBatch: number;
  /** Of the stream's sub-batches. */
  first: number;
  /** Sub-batches of a pass. */
  count: number;
  /** Of order and augmentations. */
  seed: number;
  /** Greatest size of the views kept on the device. */
  keepBytes: number;
}

const ALONE = { rank: 0, worldSize: 1 };

/** The same sub-batches and views in each pass, read once when they fit into `keepBytes`. */
export class Samples {
  readonly #context: SamplesContext;
  #batches: Batch[] = [];

  constructor(context: SamplesContext) {
    this.#context = context;
  }

  /** Calls `body` with each sub-batch, in an open scope. Returns false when the signal stopped it. */
  async pass(body: (batch: Batch, index: number) => void, signal?: AbortSignal): Promise<boolean> {
    if (this.#batches.length === this.#context.count) return this.#replay(this.#batches, body, signal);
    return this.#read(body, signal);
  }

  async #replay(batches: Batch[], body: (batch: Batch, index: number) => void, signal?: AbortSignal) {
    for (const [index, batch] of batches.entries()) {
      if (signal?.aborted) return false;
      scope(() => body(batch, index));
      await setImmediate(); // lets signals and timers run
    }
    return true;
  }

  async #read(body: (batch: Batch, index: number) => void, signal?: AbortSignal) {
    const { config, subBatch, first, count, seed, keepBytes } = this.#context;
    const batch = { ...config.batch, globalBatchSize: subBatch, gradAccumSteps: 1 };
    const feed = await openFeed({
      ...this.#context,
      config: { ...config, seed, batch },
      ranks: ALONE,
      startStep: first,
    });
    this.#forget();
    const copies: Batch[] = [];
    this.#batches = copies;
    let fits = true;
    try {
      for (let index = 0; index < count; index++) {
        if (signal?.aborted) return false;
        const served = await feed.next();
        scope(() => {
          const read = served.toDevice();
          if (index === 0) fits = bytesOf(read) * count <= keepBytes;
          if (fits) copies.push(copyOf(read));
          body(read, index);
        });
        served.release();
        await setImmediate();
      }
    } finally {
      await feed.close();
    }
    return true;
  }

  #forget(): void {
    for (const { views, tokens, ids } of this.#batches)
      for (const tensor of [...views, tokens, ids]) tensor.dispose();
    this.#batches = [];
  }

  dispose(): void {
    this.#forget();
  }
}

/** A copy that outlives the loader's buffers. */
function copyOf({ views, tokens, ids, rows }: Batch): Batch {
  const copy = (tensor: Tensor) => noGrad(() => tensor.clone().persist());
  return { views: views.map(copy), tokens: copy(tokens), ids: copy(ids), rows };
}

function bytesOf({ views, tokens, ids }: Batch): number {
  const each = views.reduce((sum, { size, dtype }) => sum + size * (dtype === 'uint8' ? 1 : 4), 0);
  return each + 4 * tokens.size + 8 * ids.size;
}
