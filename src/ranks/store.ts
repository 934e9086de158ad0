import { CoupletError } from '../errors.ts';
import { type ProcessGroup, Store } from '../torch/dist.ts';
import type { Place } from './ranks.ts';

/** Short, because torchrun serves its store before it starts a rank. */
const AGENT_LIMIT_MS = 30_000;

export const inSeconds = (ms: number) => `${ms / 1000} s`;

/** The first line of an error, without the addon's function and libtorch's source line. */
export function causeOf(error: unknown): string {
  return (error as Error).message
    .replace(/^[a-z]+[A-Z]\w*: /, '')
    .replace(/\[[^\]]*\.(?:cc|cpp|h|hpp):\d+\] ?/g, '')
    .split('\n')[0];
}

/** Connection to the store, which rank 0 or torchrun serves. Calls throw a CoupletError when the connection breaks. */
export class RankStore {
  readonly timeoutMs: number;
  readonly #place: Place;
  readonly #store: Store;
  #isLost = false;

  private constructor(store: Store, place: Place, timeoutMs: number) {
    this.#store = store;
    this.#place = place;
    this.timeoutMs = timeoutMs;
  }

  /** Serves the store or connects to it. Throws a CoupletError. */
  static open(place: Place, timeoutMs: number): RankStore {
    const store = openStore(place, timeoutMs).prefixed(`couplet/${place.restart}/`);
    return new RankStore(store, place, timeoutMs);
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  set(key: string, text: string, limitMs = this.timeoutMs): void {
    this.#guard(() => this.#store.set(key, text, limitMs));
  }

  /** Waits until a rank sets the key; undefined after the limit. */
  get(key: string, limitMs: number): string | undefined {
    return this.#guard(() => this.#store.get(key, limitMs));
  }

  /** How many processes have this rank. */
  countSeat(): number {
    const { rank, host, port, agentStore } = this.#place;
    const count = (limitMs: number) => this.#store.add(`seat/${rank}`, 1, limitMs);
    if (!agentStore) return this.#guard(() => count(this.timeoutMs));
    try {
      return count(Math.min(this.timeoutMs, AGENT_LIMIT_MS));
    } catch (error) {
      this.#isLost = true;
      // The store of PyTorch 2.4 and later is incompatible with that of earlier versions.
      throw new CoupletError(
        `rank ${rank} does not understand torchrun's store at ${host}:${port} (${causeOf(error)}): torchrun comes from another PyTorch than Couplet's libtorch. Start it with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment; rank 0 then serves a store of its own.`,
      );
    }
  }

  group(device: string): ProcessGroup {
    const { rank, worldSize: size, host } = this.#place;
    return this.#store.prefixed('group/').group({ device, rank, size, timeoutMs: this.timeoutMs, host });
  }

  close(): void {
    this.#store.close();
  }

  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#isLost = true;
      const { rank, host, port, agentStore } = this.#place;
      const server = agentStore
        ? `the launcher's store at ${host}:${port}`
        : `rank 0, which serves the store at ${host}:${port}: it ended or hangs`;
      throw new CoupletError(`rank ${rank} lost ${server} (${causeOf(error)}).`);
    }
  }
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
    const server = agentStore ? "the launcher's store" : 'rank 0';
    throw new CoupletError(
      `rank ${rank} found no answer from ${server} at ${host}:${port} within ${inSeconds(timeoutMs)} (${cause}). Check that it runs, and that MASTER_ADDR and MASTER_PORT are right.`,
    );
  }
}
