import { CoupletError } from '../../errors.ts';
import type { ProblemLog } from '../dataset/problems.ts';
import { bytesOfSide, createSlab, type Slab } from '../pictures/slab.ts';
import { type FillConfig, type JobResult, slabShape } from './fill.ts';
import type { WorkerPool } from './pool.ts';

/** One view of all samples of a batch. */
export interface HostView {
  /** RGB bytes in shared memory, [B, S, S, 3], channels last. */
  images: Uint8Array;
  /** S, in pixels. */
  side: number;
}

/** Samples on their way to the device. Valid until `release`. */
export interface HostBatch {
  /** In the order in which they were asked for. */
  views: HostView[];
  /** B: samples on this rank. */
  size: number;
  /** [B, 2]: width and height of the upright pictures, in pixels. */
  sizes: Int32Array;
  /** [B]; when captions were asked for without a tokenizer. */
  captions?: string[];
  /** [B, L]; when a tokenizer was given. */
  tokens?: Int32Array;
  /** [B]; -1 without a label. */
  labels: Int32Array;
  /** [B]: positions in the data set's index. */
  ids: BigInt64Array;
  /** Lets the next batches use this memory. Call it once, when the batch has been copied. */
  release(): void;
}

/** A batch that workers are filling. */
export interface Pending {
  slab: Slab;
  rows: number;
  done: Promise<JobResult[]>;
}

/** Rows of one job: large enough that messages cost nothing, small enough that workers end together. */
const LARGEST_JOB = 64;

/** Hands rows of batches to workers, and slabs round. */
export class BatchMaker {
  readonly #pool: WorkerPool;
  readonly #fill: FillConfig;
  readonly #free: Slab[] = [];

  constructor(pool: WorkerPool, fill: FillConfig) {
    this.#pool = pool;
    this.#fill = fill;
  }

  /** Starts a batch of `rows` samples from `position` on. */
  start(position: number, rows: number): Pending {
    const slab = this.#slab(rows);
    const share = Math.min(LARGEST_JOB, Math.ceil(rows / (2 * this.#pool.size)));
    const jobs: Promise<JobResult>[] = [];
    for (let from = 0; from < rows; from += share) {
      const count = Math.min(share, rows - from);
      jobs.push(this.#pool.run({ buffer: slab.buffer, rows, from, count, position: position + from }));
    }
    const done = Promise.all(jobs);
    // The error is thrown to whoever asks for the batch; until then nobody listens.
    done.catch(() => {});
    return { slab, rows, done };
  }

  /** Waits for a batch. Bad samples go to `problems`; rows that could not be filled are left out when the order is `once`. */
  async finish(pending: Pending, problems: ProblemLog): Promise<HostBatch> {
    const results = await pending.done;
    const { views, contextLength, captions, order } = this.#fill;
    for (const { bad } of results) for (const { name, reason } of bad) problems.add(name, reason);
    if (results.some(({ failed }) => failed)) throw nothingLeft(problems);
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
    const at = this.#free.findIndex(({ ids }) => ids.length === rows);
    const [free] = at < 0 ? [] : this.#free.splice(at, 1);
    return free ?? createSlab({ ...slabShape(this.#fill), rows });
  }

  #releaser(slab: Slab, rows: number): () => void {
    let released = false;
    return () => {
      if (!released && slab.ids.length === rows) this.#free.push(slab);
      released = true;
    };
  }

  /** Moves good rows over bad ones. @returns how many rows are good */
  #compact({ slab, rows }: Pending, texts: string[]): number {
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

function nothingLeft(problems: ProblemLog): CoupletError {
  const { name, reason } = problems.first[0]!;
  return new CoupletError(
    `No usable sample was found for a place in a batch after 64 tries; the first that failed is ${name}: ${reason}. Mend the data.`,
  );
}
