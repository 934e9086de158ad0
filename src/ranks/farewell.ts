import { CoupletError } from '../errors.ts';
import type { Place } from './ranks.ts';
import { causeOf, inSeconds, type RankStore } from './store.ts';

/** How long a failing rank waits for the causes of others. */
const LAST_WORDS_MS = 5_000;
/** How long the store's server waits for the others after a run that ended well. */
const GOODBYE_MS = 10_000;
/** Prefix for a failure that another rank caused. */
const LOST_PREFIX = 'lost: ';

export function rankList(ranks: readonly number[]): string {
  if (ranks.length === 1) return `rank ${ranks[0]}`;
  return `ranks ${ranks.slice(0, -1).join(', ')} and ${ranks.at(-1)}`;
}

export class Farewell {
  readonly #store: RankStore;
  readonly #place: Place;
  readonly #others: readonly number[];

  constructor(store: RankStore, place: Place) {
    this.#store = store;
    this.#place = place;
    const ranks = Array.from({ length: place.worldSize }, (_, rank) => rank);
    this.#others = ranks.filter((rank) => rank !== place.rank);
  }

  /**
   * Publishes this rank's failure and returns the error to throw, within some seconds. With `collective` the cause is on
   * another rank: the error repeats the cause of that rank, or names the ranks that do not answer.
   */
  failed(error: unknown, collective?: string): Error {
    if (collective === undefined) {
      this.#publish(causeOf(error));
      this.#sayGoodbye(this.#others, LAST_WORDS_MS);
      return error as Error;
    }
    this.#publish(LOST_PREFIX + collective);
    const causes = this.#causes();
    this.#sayGoodbye([...causes.keys()], LAST_WORDS_MS);
    return new CoupletError(this.#blame(causes, `${collective} failed (${causeOf(error)})`));
  }

  /** Leaves after a run that ended well; the store's server leaves last. */
  inPeace(): void {
    this.#sayGoodbye(this.#others, Math.min(this.#store.timeoutMs, GOODBYE_MS));
    this.#store.close();
  }

  /** Throws a CoupletError when one of these ranks has published a cause. */
  stopIfFailed(ranks: readonly number[]): void {
    for (const rank of ranks) {
      const cause = this.#store.get(`failed/${rank}`, 0);
      if (cause !== undefined && !cause.startsWith(LOST_PREFIX))
        throw new CoupletError(`rank ${rank} stopped: ${cause}`);
    }
  }

  #publish(cause: string): void {
    this.#attempt(() => this.#store.set(`failed/${this.#place.rank}`, cause, LAST_WORDS_MS));
  }

  /** Causes by rank, until all have published one or the time is up. */
  #causes(): Map<number, string> {
    const end = performance.now() + Math.min(LAST_WORDS_MS, this.#store.timeoutMs);
    const causes = new Map<number, string>();
    this.#attempt(() => {
      while (causes.size < this.#others.length && performance.now() < end) {
        for (const rank of this.#others) {
          const cause = causes.has(rank) ? undefined : this.#store.get(`failed/${rank}`, 20);
          if (cause !== undefined) causes.set(rank, cause);
        }
      }
    });
    return causes;
  }

  /** The store's server waits for the living ranks. */
  #sayGoodbye(living: readonly number[], limitMs: number): void {
    const { rank, agentStore } = this.#place;
    this.#attempt(() => {
      this.#store.set(`bye/${rank}`, '', LAST_WORDS_MS);
      if (rank !== 0 || agentStore) return;
      const end = performance.now() + limitMs;
      for (const other of living) this.#store.get(`bye/${other}`, Math.max(0, end - performance.now()));
    });
  }

  /** Ignores a lost store: then no rank can be reached. */
  #attempt(body: () => void): void {
    if (this.#store.isLost) return;
    try {
      body();
    } catch {}
  }

  #blame(causes: ReadonlyMap<number, string>, event: string): string {
    const first = [...causes].find(([, cause]) => !cause.startsWith(LOST_PREFIX));
    if (first) return `rank ${first[0]} stopped: ${first[1]}`;
    const silent = this.#others.filter((other) => !causes.has(other));
    const seen = `rank ${this.#place.rank}: ${event}`;
    if (silent.length === 0) return `${seen}; every rank reports the same.`;
    const verb = silent.length === 1 ? 'does' : 'do';
    return `${rankList(silent)} ${verb} not answer any more: ended, hanging, or slower than ${inSeconds(this.#store.timeoutMs)}. Seen on ${seen}.`;
  }
}
