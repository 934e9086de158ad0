// How a rank leaves the others: in peace, or with the reason why it fails.
import { CoupletError } from '../errors.ts';
import type { Place } from './ranks.ts';
import { causeOf, inSeconds, type RankStore } from './store.ts';

/** How long a failing rank listens to the others, before it names those that are gone. */
const LAST_WORDS_MS = 5_000;
/** How long the rank that serves the store waits for the goodbyes of a run that ended well. */
const GOODBYE_MS = 10_000;
/** Prefix of the word of a rank that failed because of another rank. */
const LOST = 'lost: ';

/** `rank 2`, `ranks 0 and 2`, `ranks 0, 1 and 2`. */
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
   * The error to throw when this rank fails. Without `collective` the cause is this rank's own, and the others are told.
   * When a collective failed the cause is on another rank: the error repeats that rank's word, or names the silent ranks.
   * Takes at most some seconds.
   */
  failed(error: unknown, collective?: string): Error {
    if (collective === undefined) {
      this.#tell(causeOf(error));
      this.#sayGoodbye(this.#others, LAST_WORDS_MS);
      return error as Error;
    }
    this.#tell(LOST + collective);
    const words = this.#lastWords();
    this.#sayGoodbye([...words.keys()], LAST_WORDS_MS);
    return new CoupletError(this.#blame(words, `${collective} failed (${causeOf(error)})`));
  }

  /** Leaves after a run that ended well. The rank that serves the store goes last. */
  inPeace(): void {
    this.#sayGoodbye(this.#others, Math.min(this.#store.timeoutMs, GOODBYE_MS));
    this.#store.close();
  }

  /** Throws a CoupletError when one of these ranks has failed for a reason of its own. */
  stopIfFailed(ranks: readonly number[]): void {
    for (const rank of ranks) {
      const word = this.#store.get(`failed/${rank}`, 0);
      if (word !== undefined && !word.startsWith(LOST))
        throw new CoupletError(`rank ${rank} stopped: ${word}`);
    }
  }

  #tell(word: string): void {
    this.#attempt(() => this.#store.set(`failed/${this.#place.rank}`, word, LAST_WORDS_MS));
  }

  /** The words of the other ranks that fail, until all have spoken or the time is up. */
  #lastWords(): Map<number, string> {
    const end = performance.now() + Math.min(LAST_WORDS_MS, this.#store.timeoutMs);
    const words = new Map<number, string>();
    this.#attempt(() => {
      while (words.size < this.#others.length && performance.now() < end) {
        for (const rank of this.#others) {
          const word = words.has(rank) ? undefined : this.#store.get(`failed/${rank}`, 20);
          if (word !== undefined) words.set(rank, word);
        }
      }
    });
    return words;
  }

  /** The rank that serves the store waits until the living ranks have said goodbye too. */
  #sayGoodbye(living: readonly number[], limitMs: number): void {
    const { rank, agentStore } = this.#place;
    this.#attempt(() => {
      this.#store.set(`bye/${rank}`, '', LAST_WORDS_MS);
      if (rank !== 0 || agentStore) return;
      const end = performance.now() + limitMs;
      for (const other of living) this.#store.get(`bye/${other}`, Math.max(0, end - performance.now()));
    });
  }

  /** Without a store nobody is left to talk to, which is no error here. */
  #attempt(body: () => void): void {
    if (this.#store.isLost) return;
    try {
      body();
    } catch {}
  }

  #blame(words: ReadonlyMap<number, string>, event: string): string {
    const cause = [...words].find(([, word]) => !word.startsWith(LOST));
    if (cause) return `rank ${cause[0]} stopped: ${cause[1]}`;
    const silent = this.#others.filter((other) => !words.has(other));
    const seen = `rank ${this.#place.rank}: ${event}`;
    if (silent.length === 0) return `${seen}; every rank reports the same.`;
    const verb = silent.length === 1 ? 'does' : 'do';
    return `${rankList(silent)} ${verb} not answer any more: ended, hanging, or slower than ${inSeconds(this.#store.timeoutMs)}. Seen on ${seen}.`;
  }
}
