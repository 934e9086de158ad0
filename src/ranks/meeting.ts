// Where ranks find each other, compare notes, and leave word when they fail. All of it through a store, never on the device.
import { createHash } from 'node:crypto';
import { CoupletError } from '../errors.ts';
import { Store } from '../torch/dist.ts';
import { describeDifference } from './difference.ts';
import type { Place } from './ranks.ts';

/** How long a failing rank listens for what the others say, before it names who is gone. */
const LAST_WORDS_MS = 5_000;
/** Texts above this are compared by hash only. */
const TEXT_LIMIT = 1 << 20;
const POLL_MS = 100;
/** How often a rank at work alone says so at most; more often within a shorter limit. */
const BEAT_MS = 5_000;
/** torchrun serves its store before it starts a rank. */
const AGENT_LIMIT_MS = 30_000;
/** What a rank says whose cause of failing is on another one. */
const LOST = 'lost: ';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const seconds = (ms: number) => `${ms / 1000} s`;

/** `rank 2`, `ranks 0 and 2`, `ranks 0, 1 and 2`. */
export function rankList(ranks: readonly number[]): string {
  if (ranks.length === 1) return `rank ${ranks[0]}`;
  return `ranks ${ranks.slice(0, -1).join(', ')} and ${ranks.at(-1)}`;
}

/** The first line, without the addon's function and the place in a library's source that it begins with. */
export function causeOf(error: unknown): string {
  return (error as Error).message
    .replace(/^[a-z]+[A-Z]\w*: /, '')
    .replace(/\[[^\]]*\.(?:cc|cpp|h|hpp):\d+\] ?/g, '')
    .split('\n')[0];
}

export class Meeting {
  readonly #store: Store;
  readonly #place: Place;
  readonly timeoutMs: number;
  #topics = 0;
  #beatAt = 0;
  #beats = 0;
  /** The store does not answer any more. */
  #deaf = false;

  private constructor(store: Store, place: Place, timeoutMs: number) {
    this.#store = store;
    this.#place = place;
    this.timeoutMs = timeoutMs;
  }

  /** Opens the store (rank 0 serves it, unless the launcher does) and waits until every rank is there. */
  static join(place: Place, timeoutMs: number): Meeting {
    const store = openStore(place, timeoutMs);
    const meeting = new Meeting(store.prefixed(`couplet/${place.restart}/`), place, timeoutMs);
    try {
      meeting.#takeSeat();
    } catch (error) {
      throw meeting.failed(error);
    }
    return meeting;
  }

  /** A process group of the ranks that met. */
  group(device: string) {
    const { rank, worldSize: size, host } = this.#place;
    return this.#store.prefixed('group/').group({ device, rank, size, timeoutMs: this.timeoutMs, host });
  }

  /** Waits until every rank has come here. */
  barrier(what: string): void {
    this.#exchange(what, '');
  }

  /** Rank `root` says something, all hear it. */
  share(what: string, text: string | undefined, root = 0): string {
    const key = this.#topic();
    if (this.#place.rank === root) this.#say(key, text ?? '');
    return this.#hear(key, { from: [root], what })[0];
  }

  /** This rank is at work while others wait for it: their time starts anew. Cheap enough for every batch. */
  beat(): void {
    const now = performance.now();
    if (now - this.#beatAt < Math.min(BEAT_MS, this.timeoutMs / 10)) return;
    this.#beatAt = now;
    this.#say(`beat/${this.#place.rank}`, String(++this.#beats));
  }

  /** Throws a CoupletError that names a rank and what differs, when the ranks' texts are not the same. */
  checkSame(label: string, text: string): void {
    const fits = text.length <= TEXT_LIMIT;
    const key = this.#topic();
    if (fits) this.#say(`${key}/text/${this.#place.rank}`, text);
    const hashes = this.#exchange(`the comparison of ${label}`, hash(text), key);
    // Against rank 0, so that all ranks tell the same story; rank 0 tells of the first that differs.
    const { rank } = this.#place;
    const other = hashes[rank] !== hashes[0] ? 0 : hashes.findIndex((value) => value !== hashes[0]);
    if (other === -1) return;
    const theirs = fits ? this.#store.get(`${key}/text/${other}`, this.timeoutMs) : undefined;
    const names = { mine: `rank ${rank}`, theirs: `rank ${other}` };
    const how = theirs === undefined ? '' : `: ${describeDifference(text, theirs, names)}`;
    throw new CoupletError(
      `rank ${rank} and rank ${other} differ in ${label}${how}. Start every rank with the same ${label}.`,
    );
  }

  /**
   * What to throw when this rank fails. A cause of its own is told to the others. When a collective failed, the cause is on
   * another rank: that rank's word is repeated, or else the silent ranks are named. Bounded by a few seconds.
   */
  failed(error: unknown, collective?: string): Error {
    if (collective === undefined) {
      this.#sayFailed(causeOf(error));
      this.#leave(this.#others(), LAST_WORDS_MS);
      return error as Error;
    }
    this.#sayFailed(LOST + collective);
    const words = this.#lastWords();
    this.#leave([...words.keys()], LAST_WORDS_MS);
    return new CoupletError(this.#whoIsGone(words, collective, error));
  }

  /** Leaves in peace. The rank that serves the store goes last. */
  close(): void {
    this.#leave(this.#others(), Math.min(this.timeoutMs, 10_000));
    this.#store.close();
  }

  #takeSeat(): void {
    const { rank, worldSize, host, port } = this.#place;
    if (this.#countSeat() > 1)
      throw new CoupletError(
        `rank ${rank} at ${host}:${port} is taken: two processes were started with this rank. Is another run using the same MASTER_PORT?`,
      );
    this.#say(`join/${rank}`, String(worldSize));
    const what = `the start at ${host}:${port}`;
    this.#hear('join', {
      what,
      check: (theirs, other) => {
        if (Number(theirs) !== worldSize)
          throw new CoupletError(
            `rank ${rank} was started as one of ${worldSize} ranks, rank ${other} as one of ${theirs}. Start every rank with the same number of ranks (WORLD_SIZE).`,
          );
      },
    });
  }

  #countSeat(): number {
    const { rank, host, port, agentStore } = this.#place;
    const limitMs = agentStore ? Math.min(this.timeoutMs, AGENT_LIMIT_MS) : this.timeoutMs;
    const count = () => this.#store.add(`seat/${rank}`, 1, limitMs);
    if (!agentStore) return this.#guard(count);
    try {
      return count();
    } catch (error) {
      this.#deaf = true;
      throw new CoupletError(strangerText({ rank, host, port }, error));
    }
  }

  #others(): number[] {
    return Array.from({ length: this.#place.worldSize }, (_, k) => k).filter((k) => k !== this.#place.rank);
  }

  /** A key that all ranks arrive at in the same order. */
  #topic(): string {
    return `topic/${this.#topics++}`;
  }

  #say(key: string, text: string): void {
    this.#guard(() => this.#store.set(key, text, this.timeoutMs));
  }

  #exchange(what: string, text: string, key = this.#topic()): string[] {
    this.#say(`${key}/${this.#place.rank}`, text);
    return this.#hear(key, { what });
  }

  /** What each rank said, in order; waits for all, anew when one of them says that it is at work, until one has failed. */
  #hear(
    key: string,
    {
      what,
      from,
      check,
    }: { what: string; from?: readonly number[]; check?: (text: string, rank: number) => void },
  ): string[] {
    let end = performance.now() + this.timeoutMs;
    const heard = new Map<number, string>();
    const beats = new Map<number, string | undefined>();
    const all = from ?? [...this.#others(), this.#place.rank];
    const open = () => all.filter((rank) => !heard.has(rank));
    while (open().length > 0) {
      for (const rank of open()) {
        const path = from ? key : `${key}/${rank}`;
        // Only the first in line is waited for: the others may be there by then.
        const text = this.#guard(() => this.#store.get(path, rank === open()[0] ? POLL_MS : 0));
        if (text === undefined) continue;
        check?.(text, rank);
        heard.set(rank, text);
      }
      this.#stopIfFailed(open());
      for (const rank of open()) {
        const beat = this.#guard(() => this.#store.get(`beat/${rank}`, 0));
        if (beats.has(rank) && beats.get(rank) !== beat) end = performance.now() + this.timeoutMs;
        beats.set(rank, beat);
      }
      if (open().length > 0 && performance.now() > end)
        throw new CoupletError(
          `rank ${this.#place.rank} waited ${seconds(this.timeoutMs)} in ${what}, and ${rankList(open())} of ${this.#place.worldSize} did not come. Were all ranks started, and does none of them hang?`,
        );
    }
    return [...heard.entries()].toSorted(([a], [b]) => a - b).map(([, text]) => text);
  }

  #stopIfFailed(ranks: readonly number[]): void {
    for (const rank of ranks) {
      const text = this.#guard(() => this.#store.get(`failed/${rank}`, 0));
      if (text !== undefined && !text.startsWith(LOST))
        throw new CoupletError(`rank ${rank} stopped: ${text}`);
    }
  }

  /** A broken connection to the store means that its server is gone. */
  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#deaf = true;
      throw new CoupletError(`rank ${this.#place.rank} lost ${this.#server()} (${causeOf(error)}).`);
    }
  }

  #server(): string {
    const { host, port, agentStore } = this.#place;
    return agentStore
      ? `the launcher's store at ${host}:${port}`
      : `rank 0, which serves the store at ${host}:${port}: it ended or hangs`;
  }

  #sayFailed(message: string): void {
    if (this.#deaf) return;
    try {
      this.#store.set(`failed/${this.#place.rank}`, message, LAST_WORDS_MS);
    } catch {
      this.#deaf = true;
    }
  }

  /** What the other ranks say of their own failing, until all have spoken or the time is up. */
  #lastWords(): Map<number, string> {
    const end = performance.now() + Math.min(LAST_WORDS_MS, this.timeoutMs);
    const words = new Map<number, string>();
    try {
      while (!this.#deaf && words.size < this.#others().length && performance.now() < end) {
        for (const rank of this.#others()) {
          const text = words.has(rank) ? undefined : this.#store.get(`failed/${rank}`, 20);
          if (text !== undefined) words.set(rank, text);
        }
      }
    } catch {
      this.#deaf = true; // the server has left: what was heard is all there is
    }
    return words;
  }

  /** Says goodbye; the server waits until those who live have said it too. */
  #leave(living: readonly number[], limitMs: number): void {
    const { rank, agentStore } = this.#place;
    if (this.#deaf) return;
    try {
      this.#store.set(`bye/${rank}`, '', LAST_WORDS_MS);
      if (rank !== 0 || agentStore) return;
      const end = performance.now() + limitMs;
      for (const other of living)
        this.#store.get(`bye/${other}`, Math.max(0, Math.min(limitMs, end - performance.now())));
    } catch {
      // Nobody is left to wait for.
    }
  }

  #whoIsGone(words: ReadonlyMap<number, string>, collective: string, error: unknown): string {
    const { rank } = this.#place;
    const told = [...words].find(([, text]) => !text.startsWith(LOST));
    if (told) return `rank ${told[0]} stopped: ${told[1]}`;
    const silent = this.#others().filter((other) => !words.has(other));
    const cause = `rank ${rank}: ${collective} failed (${causeOf(error)})`;
    if (silent.length === 0) return `${cause}; every rank reports the same.`;
    const verb = silent.length === 1 ? 'does' : 'do';
    return `${rankList(silent)} ${verb} not answer any more: ended, hanging, or slower than ${seconds(this.timeoutMs)}. Seen on ${cause}.`;
  }
}

/** Stores of PyTorch 2.4 and later, and those before, do not understand each other. */
function strangerText({ rank, host, port }: Pick<Place, 'rank' | 'host' | 'port'>, error: unknown): string {
  return `rank ${rank} does not understand torchrun's store at ${host}:${port} (${causeOf(error)}): torchrun comes from another PyTorch than Couplet's libtorch. Start it with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment; rank 0 then serves a store of its own.`;
}

function openStore(place: Place, limitMs: number): Store {
  const { rank, host, port, agentStore } = place;
  const isServer = rank === 0 && !agentStore;
  const timeoutMs = agentStore ? Math.min(limitMs, AGENT_LIMIT_MS) : limitMs;
  try {
    return Store.open({ host, port, isServer, timeoutMs });
  } catch (error) {
    const cause = causeOf(error);
    if (isServer && /in use|EADDRINUSE|errno: 98|failed to (bind|listen)/i.test((error as Error).message))
      throw new CoupletError(
        `rank 0 cannot serve the ranks' store: port ${port} is in use on this machine. Set MASTER_PORT to a free port, the same on every rank.`,
      );
    if (isServer) throw new CoupletError(`rank 0 cannot serve the ranks' store at ${host}:${port}: ${cause}`);
    const whom = agentStore ? "the launcher's store" : 'rank 0';
    throw new CoupletError(
      `rank ${rank} found no answer from ${whom} at ${host}:${port} within ${seconds(timeoutMs)} (${cause}). Is it running, and are MASTER_ADDR and MASTER_PORT right?`,
    );
  }
}
