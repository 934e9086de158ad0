import { native } from './native.ts';
import { handles, one } from './results.ts';
import type { Tensor } from './tensor.ts';

export type Reduction = 'sum' | 'mean' | 'max';

/** Traffic of this rank for one label, by the formulas of a ring. */
export interface Traffic {
  calls: number;
  bytesSent: number;
  bytesReceived: number;
}

/** Backends of this addon: Gloo for the CPU, NCCL for GPUs. */
export const backends = (): { gloo: boolean; nccl: boolean } => native.backends();

export const hasReducer = (): boolean => native.hasReducer();

/** c10d's TCPStore: keys and texts, served by one process. */
export class Store {
  readonly #id: number;
  readonly port: number;

  private constructor(id: number, port: number) {
    this.#id = id;
    this.port = port;
  }

  /** Serves a store or connects to one. Port 0 takes a free port. */
  static open(options: { host: string; port: number; isServer: boolean; timeoutMs: number }): Store {
    const { id, port } = native.storeOpen(options.host, options.port, options.isServer, options.timeoutMs);
    return new Store(id, port);
  }

  /** The same store with a prefix for all keys. */
  prefixed(prefix: string): Store {
    return new Store(native.storePrefix(this.#id, prefix), this.port);
  }
  set(key: string, text: string, timeoutMs: number): void {
    native.storeSet(this.#id, key, text, timeoutMs);
  }
  /** Waits until the key is set; undefined after the timeout. */
  get(key: string, timeoutMs: number): string | undefined {
    return native.storeGet(this.#id, key, timeoutMs);
  }
  /** Adds to a counter and returns the sum. */
  add(key: string, amount: number, timeoutMs: number): number {
    return native.storeAdd(this.#id, key, amount, timeoutMs);
  }
  delete(key: string, timeoutMs: number): void {
    native.storeDelete(this.#id, key, timeoutMs);
  }
  close(): void {
    native.storeClose(this.#id);
  }

  /** Forms a process group with all ranks that call this. */
  group(options: {
    device: string;
    rank: number;
    size: number;
    timeoutMs: number;
    host: string;
  }): ProcessGroup {
    const { device, rank, size, timeoutMs, host } = options;
    return new ProcessGroup(native.groupOpen(this.#id, device, rank, size, timeoutMs, host));
  }
}

/** c10d's collectives, called by all ranks in the same order. `label` names the traffic. */
export class ProcessGroup {
  readonly #id: number;

  /** Only Store.group() makes these. */
  constructor(id: number) {
    this.#id = id;
  }

  allGather(mine: Tensor, label: string): Tensor {
    return one(native.allGather(this.#id, mine.handle, label));
  }
  allGatherWithGrad(mine: Tensor, label: string): Tensor {
    return one(native.allGatherWithGrad(this.#id, mine.handle, label));
  }
  allReduce(mine: Tensor, reduction: Reduction, label: string): Tensor {
    return one(native.allReduce(this.#id, mine.handle, reduction, label));
  }
  reduceScatter(mine: Tensor, label: string): Tensor {
    return one(native.reduceScatter(this.#id, mine.handle, label));
  }
  broadcast(target: Tensor, root: number, label: string): void {
    native.broadcast(this.#id, target.handle, root, label);
  }
  averageGrads(params: readonly Tensor[], label: string): void {
    native.averageGrads(this.#id, handles(params), label);
  }
  reducer(params: readonly Tensor[], options: { bucketBytes: number; firstBucketBytes: number }): Reducer {
    const { bucketBytes, firstBucketBytes } = options;
    return new Reducer(native.reducer(this.#id, handles(params), bucketBytes, firstBucketBytes));
  }
  traffic(): Record<string, Traffic> {
    return native.traffic(this.#id);
  }
  resetTraffic(): void {
    native.resetTraffic(this.#id);
  }
  /** Ends a broken group on another thread, because this one could wait forever. */
  close(options: { broken: boolean }): void {
    native.groupClose(this.#id, options.broken);
  }
}

/** c10d's Reducer, the engine of PyTorch's DistributedDataParallel. */
export class Reducer {
  readonly #id: number;

  /** Only ProcessGroup.reducer() makes these. */
  constructor(id: number) {
    this.#id = id;
  }

  prepare(): void {
    native.reducerPrepare(this.#id);
  }
  /** Indices of parameters without a gradient, whose buckets were not averaged. */
  finish(label: string): number[] {
    return native.reducerFinish(this.#id, label);
  }
  dispose(): void {
    native.reducerDispose(this.#id);
  }
}
