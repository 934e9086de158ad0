import { createHash } from 'node:crypto';
import { CoupletError } from '../errors.ts';
import type { ProcessGroup } from '../torch/dist.ts';
import { describeDifference } from './difference.ts';
import { Farewell, rankList } from './farewell.ts';
import type { Place } from './ranks.ts';
import { inSeconds, RankStore } from './store.ts';

/** Longer texts are compared only by hash. */
const MAX_TEXT_CHARACTERS = 1 << 20;
const POLL_MS = 100;
const MIN_BEAT_INTERVAL_MS = 5_000;

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

interface Waiting {
  /** Name for errors. */
  what: string;
  ranks: readonly number[];
  keyOf: (rank: number) => string;
  check?: (text: string, rank: number) => void;
}

/** Ranks wait for each other and compare texts through the store, without the device. */
export class Meeting {
  readonly #store: RankStore;
  readonly #place: Place;
  readonly #farewell: Farewell;
  readonly #everyone: readonly number[];
  #topics = 0;
  #beatAt = 0;
  #beats = 0;

  private constructor(store: RankStore, place: Place) {
    this.#store = store;
    this.#place = place;
    this.#farewell = new Farewell(store, place);
    this.#everyone = Array.from({ length: place.worldSize }, (_, rank) => rank);
  }

  /** Waits for every rank. Throws a CoupletError when one is missing or was started differently. */
  static join(place: Place, timeoutMs: number): Meeting {
    const meeting = new Meeting(RankStore.open(place, timeoutMs), place);
    try {
      meeting.#takeSeat();
    } catch (error) {
      throw meeting.failed(error);
    }
    return meeting;
  }

  group(device: string): ProcessGroup {
    return this.#store.group(device);
  }

  barrier(what: string): void {
    this.#exchange(what, '');
  }

  /** Rank `root`'s text on every rank. */
  share(what: string, text: string | undefined, root = 0): string {
    const key = this.#nextTopic();
    if (this.#place.rank === root) this.#store.set(key, text ?? '');
    return this.#wait({ what, ranks: [root], keyOf: () => key })[0];
  }

  /** Restarts the time limit of the ranks that wait for this one. Cheap enough for every batch. */
  beat(): void {
    const now = performance.now();
    if (now - this.#beatAt < Math.min(MIN_BEAT_INTERVAL_MS, this.#store.timeoutMs / 10)) return;
    this.#beatAt = now;
    this.#store.set(`beat/${this.#place.rank}`, String(++this.#beats));
  }

  /** Throws a CoupletError with the difference when ranks have different texts. */
  checkSame(label: string, text: string): void {
    const isShort = text.length <= MAX_TEXT_CHARACTERS;
    const key = this.#nextTopic();
    const { rank } = this.#place;
    if (isShort) this.#store.set(`${key}/text/${rank}`, text);
    const hashes = this.#exchange(`the comparison of ${label}`, hash(text), key);
    // All compare with rank 0, and rank 0 reports the first that differs.
    const other = hashes[rank] !== hashes[0] ? 0 : hashes.findIndex((value) => value !== hashes[0]);
    if (other === -1) return;
    const theirs = isShort ? this.#store.get(`${key}/text/${other}`, this.#store.timeoutMs) : undefined;
    const names = { mine: `rank ${rank}`, theirs: `rank ${other}` };
    const difference = theirs === undefined ? '' : `: ${describeDifference(text, theirs, names)}`;
    throw new CoupletError(
      `rank ${rank} and rank ${other} differ in ${label}${difference}. Start every rank with the same ${label}.`,
    );
  }

  /** See Farewell.failed(). */
  failed(error: unknown, collective?: string): Error {
    return this.#farewell.failed(error, collective);
  }

  close(): void {
    this.#farewell.inPeace();
  }

  #takeSeat(): void {
    const { rank, worldSize, host, port } = this.#place;
    if (this.#store.countSeat() > 1)
      throw new CoupletError(
        `rank ${rank} at ${host}:${port} is taken: two processes were started with this rank. Give each rank its own RANK, and each run its own MASTER_PORT.`,
      );
    this.#store.set(`join/${rank}`, String(worldSize));
    this.#wait({
      what: `the start at ${host}:${port}`,
      ranks: this.#everyone,
      keyOf: (other) => `join/${other}`,
      check: (theirs, other) => {
        if (Number(theirs) !== worldSize)
          throw new CoupletError(
            `rank ${rank} was started as one of ${worldSize} ranks, rank ${other} as one of ${theirs}. Start every rank with the same number of ranks (WORLD_SIZE).`,
          );
      },
    });
  }

  #nextTopic(): string {
    return `topic/${this.#topics++}`;
  }

  #exchange(what: string, text: string, key = this.#nextTopic()): string[] {
    this.#store.set(`${key}/${this.#place.rank}`, text);
    return this.#wait({ what, ranks: this.#everyone, keyOf: (rank) => `${key}/${rank}` });
  }

  /** The texts of these ranks. Throws when a rank has failed or its time is up. */
  #wait({ what, ranks, keyOf, check }: Waiting): string[] {
    const { timeoutMs } = this.#store;
    let end = performance.now() + timeoutMs;
    const texts = new Map<number, string>();
    const beats = new Map<number, string | undefined>();
    // Own text last: it is always there.
    const order = ranks.toSorted((a, b) => Number(a === this.#place.rank) - Number(b === this.#place.rank));
    const missing = () => order.filter((rank) => !texts.has(rank));
    while (missing().length > 0) {
      for (const rank of missing()) {
        const text = this.#store.get(keyOf(rank), rank === missing()[0] ? POLL_MS : 0);
        if (text === undefined) continue;
        check?.(text, rank);
        texts.set(rank, text);
      }
      this.#farewell.stopIfFailed(missing());
      for (const rank of missing()) {
        const beat = this.#store.get(`beat/${rank}`, 0);
        if (beats.has(rank) && beats.get(rank) !== beat) end = performance.now() + timeoutMs;
        beats.set(rank, beat);
      }
      if (missing().length > 0 && performance.now() > end)
        throw new CoupletError(
          `rank ${this.#place.rank} waited ${inSeconds(timeoutMs)} in ${what}, and ${rankList(missing())} of ${this.#place.worldSize} did not come. Check that all ranks were started and that none hangs.`,
        );
    }
    return ranks.map((rank) => texts.get(rank)!);
  }
}
