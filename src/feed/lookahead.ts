import type { Problems } from '../data/index.ts';
import type { Feed, PendingBatch } from './feed.ts';

/** A feed whose next batch can be read before its turn. The order of batches stays. */
export class Lookahead implements Feed {
  readonly #feed: Feed;
  /** The batch that was read early, and the problems before it. */
  #ahead: { batch: PendingBatch; problems: Problems } | undefined;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** The batch that next() will return. The caller of next() releases it. */
  async peek(): Promise<PendingBatch> {
    if (!this.#ahead) {
      const { count, first, ids = [] } = this.#feed.problems;
      const problems = { count, first: [...first], ids };
      this.#ahead = { batch: await this.#feed.next(), problems };
    }
    return this.#ahead.batch;
  }

  async next(): Promise<PendingBatch> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ? ahead.batch : this.#feed.next();
  }

  /** Problems of the batches that next() returned. A resume reads the early one again. */
  get problems(): Problems {
    return this.#ahead?.problems ?? this.#feed.problems;
  }

  close(): Promise<void> {
    this.#ahead?.batch.release();
    return this.#feed.close();
  }
}
