// Steps of small models take longer to launch than to run: their towers, forward and backward, as CUDA graphs (decision 0007).
import type { Batch, Method } from '../../methods/index.ts';
import type { Clock } from '../../time/schedules.ts';
import { Kind, type Recorded } from './captured-step.ts';

export type { Recorded } from './captured-step.ts';

/** Kinds of batches that are recorded at most; those beyond are run as ever. */
const MOST = 24;
/** Texts are padded to a multiple of this, so that few lengths are met. */
const TEXT_STEP = 8;

/** Records method.features() for each kind of batch that it meets, and replays it from then on. */
export class RecordedFeatures {
  readonly #method: Method;
  readonly #contextLength: number;
  readonly #kinds = new Map<string, Kind>();

  /** @param options.contextLength the longest text that the method takes, where it takes any */
  constructor(method: Method, { contextLength = Number.POSITIVE_INFINITY }: { contextLength?: number } = {}) {
    this.#method = method;
    this.#contextLength = contextLength;
  }

  /** The features of a batch from a record; undefined when too many kinds of batches were met. They are overwritten by the next call. */
  run(batch: Batch, clock: Clock): Recorded | undefined {
    const { key, length } = this.#kindOf(batch, clock);
    let kind = this.#kinds.get(key);
    if (!kind) {
      if (this.#kinds.size === MOST) return undefined;
      kind = new Kind(this.#method, batch, { clock, length });
      this.#kinds.set(key, kind);
    }
    return kind.run(batch, clock);
  }

  /** As run(), but undefined for a kind of batch without a record: for what is seldom run, and shall not take a record's memory. */
  replay(batch: Batch, clock: Clock): Recorded | undefined {
    return this.#kinds.get(this.#kindOf(batch, clock).key)?.run(batch, clock, { records: false });
  }

  #kindOf(batch: Batch, clock: Clock) {
    const padded = Math.ceil(batch.tokens.shape[1] / TEXT_STEP) * TEXT_STEP;
    const length = Math.min(padded, this.#contextLength);
    const sizes = batch.views.map(({ shape, dtype }) => `${shape} ${dtype}`);
    const key = JSON.stringify([sizes, batch.ids.shape, length, clock.compression]);
    return { key, length };
  }

  dispose(): void {
    for (const kind of this.#kinds.values()) kind.dispose();
    this.#kinds.clear();
  }
}
