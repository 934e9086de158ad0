import { CoupletError } from '../../errors.ts';
import type { BadSamples, Problems } from '../dataset/problems.ts';
import { bytesOfSide, createSlab, type Slab } from '../pictures/slab.ts';
import { type FillConfig, type JobResult, slabShape } from './fill.ts';
import type { WorkerPool } from './pool.ts';

export interface HostView {
  /** RGB bytes, [B, S, S, 3]. */
  images: Uint8Array;
  /** S, in pixels. */
  side: number;
}

/** Valid until `release`. */
export interface HostBatch {
  views: HostView[];
  /** B, on this rank. */
  size: number;
  /** [B, 2]: width and height, upright, in pixels. */
  sizes: Int32Array;
  /** [B]; without a tokenizer. */
  captions?: string[];
  /** [B, L]; with a tokenizer. */
  tokens?: Int32Array;
  /** [B]; -1 without a label. */
  labels: Int32Array;
  /** [B]: positions in the data index. */
  ids: BigInt64Array;
  /** Frees the memory for the next batches. */
  release(): void;
}

export interface PendingFill {
  slab: Slab;
  rows: number;
  done: Promise<JobResult[]>;
}

/** Small enough that workers end together. */
const MAX_JOB_ROWS = 64;

export class BatchMaker {
  readonly #pool: WorkerPool;
  readonly #fill: FillConfig;
  readonly #free: Slab[] = [];

  constructor(pool: WorkerPool, fill: FillConfig) {
    this.#pool = pool;
    this.#fill = fill;
  }

  /** @param position of the first sample */
  start(position: number, rows: number): PendingFill {
    const slab = this.#slab(rows);
    const share = Math.min(MAX_JOB_ROWS, Math.ceil(rows / (2 * this.#pool.size)));
    const jobs: Promise<JobResult>[] = [];
    for (let from = 0; from < rows; from += share) {
      const count = Math.min(share, rows - from);
      jobs.push(this.#pool.run({ buffer: slab.buffer, rows, from, count, position: position + from }));
    }
    const done = Promise.all(jobs);
    // finish() throws the error.
    done.catch(() => {});
    return { slab, rows, done };
  }

  /** Adds bad samples to `problems`. @throws CoupletError when a place in the stream cannot be filled */
  async finish(pending: PendingFill, problems: BadSamples): Promise<HostBatch> {
    const results = await pending.done;
    const { views, contextLength, captions, order } = this.#fill;
    for (const { bad } of results)
      for (const { id, name, reason } of bad) problems.addSample(id, name, reason);
    if (results.some(({ failed }) => failed)) throw noUsableSample(problems);
    const texts = results.flatMap((result) => result.texts);
    const size = order === 'once' ? this.#compact(pending, texts) : pending.rows;
    const { slab } = pending;
    return {
      views: views.map(({ size: side }, view) => ({
        images: slab.views[view]!.subarray(0, size * bytesOfSide(side)),
        side,
      })),
      size,
      sizes: slab.sizes.subarray(0, size * 2),
      labels: slab.labels.subarray(0, size),
      ids: slab.ids.subarray(0, size),
      ...(captions === 'texts' && { captions: texts.slice(0, size) }),
      ...(captions === 'tokens' && { tokens: slab.tokens.subarray(0, size * contextLength) }),
      release: this.#releaser(slab, pending.rows),
    };
  }

  #slab(rows: number): Slab {
    const index = this.#free.findIndex(({ ids }) => ids.length === rows);
    const [free] = index < 0 ? [] : this.#free.splice(index, 1);
    return free ?? createSlab({ ...slabShape(this.#fill), rows });
  }

  #releaser(slab: Slab, rows: number): () => void {
    let released = false;
    return () => {
      if (!released && slab.ids.length === rows) this.#free.push(slab);
      released = true;
    };
  }

  /** Moves good rows over bad ones. @returns the number of good rows */
  #compact({ slab, rows }: PendingFill, texts: string[]): number {
    const { views, contextLength } = this.#fill;
    const good = [...slab.ids.keys()].filter((row) => slab.ids[row] !== -1n);
    if (good.length === rows) return rows;
    good.forEach((row, place) => {
      for (const [view, { size: side }] of views.entries()) {
        const bytes = bytesOfSide(side);
        slab.views[view]!.copyWithin(place * bytes, row * bytes, (row + 1) * bytes);
      }
      slab.sizes.copyWithin(place * 2, row * 2, (row + 1) * 2);
      slab.ids[place] = slab.ids[row]!;
      slab.labels[place] = slab.labels[row]!;
      slab.tokens.copyWithin(place * contextLength, row * contextLength, (row + 1) * contextLength);
      if (texts.length > 0) texts[place] = texts[row]!;
    });
    return good.length;
  }
}

function noUsableSample(problems: Problems): CoupletError {
  const { name, reason } = problems.first[0]!;
  return new CoupletError(
    `No usable sample was found for a place in a batch after 64 tries. The first that failed is ${name}: ${reason}. Repair or remove the bad samples.`,
  );
}
