import type { Problems } from '../data/index.ts';
import type { Feed, Served } from './context.ts';

/** A feed whose next batch can be seen before its turn: the order stays. */
export class Lookahead implements Feed {
  readonly #feed: Feed;
  /** The batch that was seen, and what had been skipped before it. */
  #seen: { batch: Served; problems: Problems } | undefined;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** The batch that next() will give. It must not be released by who peeks. */
  async peek(): Promise<Served> {
    if (!this.#seen) {
      const { count, first } = this.#feed.problems;
      const problems = { count, first: [...first] };
      this.#seen = { batch: await this.#feed.next(), problems };
    }
    return this.#seen.batch;
  }

  async next(): Promise<Served> {
    const seen = this.#seen;
    this.#seen = undefined;
    return seen ? seen.batch : this.#feed.next();
  }

  /** Those of batches that had their turn: a resume reads a batch that was only seen again. */
  get problems(): Problems {
    return this.#seen?.problems ?? this.#feed.problems;
  }

  close(): Promise<void> {
    this.#seen?.batch.release();
    return this.#feed.close();
  }
}
