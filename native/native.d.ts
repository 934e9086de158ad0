/**
 * The contract between TypeScript and C++, for `src/torch/` only.
 * A handle is a number: slot index and generation of a tensor in the addon's table. `null` is an undefined tensor.
 */
export type Handle = number;
export type HostArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;
/** Handles, numbers, flags, strings, and lists of them; `undefined` = the schema's default, `null` = None. */
export type Argument = number | boolean | string | null | undefined | readonly (number | boolean | null)[];
export type Result = Handle | boolean | null | undefined | (Handle | null)[] | Result[];

export interface Native {
  // dispatch.cc
  findOp(name: string, overload: string): number;
  schema(name: string, overload: string): string | undefined;
  call(op: number, ...args: Argument[]): Result;
  setErrorTypes(torchError: ErrorConstructorLike, disposedError: ErrorConstructorLike): void;
  // tensors.cc
  fromHost(array: HostArray, shape: readonly number[], dtype: number): Handle;
  borrowHost(array: HostArray, shape: readonly number[], dtype: number): Handle;
  copyOut(handle: Handle, array: HostArray): void;
  copyIn(handle: Handle, array: HostArray): void;
  item(handle: Handle): number;
  shape(handle: Handle): number[];
  dtype(handle: Handle): number;
  device(handle: Handle): string;
  isContiguous(handle: Handle): boolean;
  dispose(handle: Handle): void;
  alive(handle: Handle): boolean;
  persist(handle: Handle): void;
  scopeEnter(): void;
  scopeExit(kept: readonly Handle[]): void;
  scopeDepth(): number;
  tableStats(): { live: number; cpuBytes: number };
  clearTable(): void;
  // autograd.cc
  backward(loss: Handle, seed?: Handle | null): void;
  gradients(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    seeds?: readonly Handle[],
  ): (Handle | null)[];
  gradsOf(handles: readonly Handle[]): (Handle | null)[];
  setGrad(handle: Handle, grad: Handle | null): void;
  setGrads(handles: readonly Handle[], grads: readonly Handle[]): void;
  clearGrads(handles: readonly Handle[]): void;
  setRequiresGrad(handle: Handle, on: boolean): void;
  requiresGrad(handle: Handle): boolean;
  setGradMode(on: boolean): boolean;
  enterAutocast(device: string, dtype: number): void;
  leaveAutocast(device: string): void;
  // devices.cc
  versions(): { compiled: string; config: string; builtWithCuda: boolean };
  setThreads(count: number): void;
  threads(): number;
  cudaCount(): number;
  cudaSynchronize(): void;
  cudaMemory(index: number): { allocated: number; reserved: number; peak: number } | undefined;
  cudaEmptyCache(): void;
  cudaName(index: number): string;
  cudaTotalMemory(index: number): number;
  setCudaDevice(index: number): void;
  setTf32(on: boolean): void;
  generator(device: string, seed: number | null): number;
  seedGenerator(id: number, seed: number): void;
  generatorState(id: number): Handle;
  setGeneratorState(id: number, state: Handle): void;
  // graph_cuda.cc; graph_none.cc refuses
  captureStreamEnter(): void;
  captureStreamLeave(): void;
  graphBegin(ownPool: boolean): void;
  graphEnd(): number;
  graphReplay(id: number): void;
  graphDispose(id: number): void;
  // counting.cc
  countBegin(opened: readonly string[]): void;
  countEnd(): [name: string, count: number][];
  // dist.cc
  backends(): { gloo: boolean; nccl: boolean };
  storeOpen(host: string, port: number, isServer: boolean, timeoutMs: number): { id: number; port: number };
  storePrefix(store: number, prefix: string): number;
  storeSet(store: number, key: string, text: string, timeoutMs: number): void;
  storeGet(store: number, key: string, timeoutMs: number): string | undefined;
  storeAdd(store: number, key: string, amount: number, timeoutMs: number): number;
  storeDelete(store: number, key: string, timeoutMs: number): void;
  storeClose(store: number): void;
  groupOpen(
    store: number,
    device: string,
    rank: number,
    size: number,
    timeoutMs: number,
    host: string,
  ): number;
  groupClose(group: number, broken: boolean): void;
  allGather(group: number, mine: Handle, label: string): Handle;
  allGatherWithGrad(group: number, mine: Handle, label: string): Handle;
  allReduce(group: number, given: Handle, reduction: 'sum' | 'mean' | 'max', label: string): Handle;
  reduceScatter(group: number, given: Handle, label: string): Handle;
  broadcast(group: number, target: Handle, root: number, label: string): void;
  traffic(group: number): Record<string, { calls: number; bytesSent: number; bytesReceived: number }>;
  resetTraffic(group: number): void;
  averageGrads(group: number, params: readonly Handle[], label: string): void;
  hasReducer(): boolean;
  reducer(group: number, params: readonly Handle[], bucketBytes: number, firstBucketBytes: number): number;
  reducerPrepare(reducer: number): void;
  reducerFinish(reducer: number, label: string): number[];
  reducerDispose(reducer: number): void;
}

type ErrorConstructorLike = new (message: string) => Error;
