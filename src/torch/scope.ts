import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** The tensors inside a value of nested arrays, maps and plain objects. */
export function tensorsIn(value: unknown, found: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value) || value instanceof Map)
    for (const inner of value.values()) tensorsIn(inner, found);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    for (const inner of Object.values(value)) tensorsIn(inner, found);
  }
  return found;
}

/**
 * Runs `body` and frees every tensor it made, in one call, also when it throws. Tensors in what it returns (nested
 * arrays, maps and plain objects) move to the scope outside. Synchronous only: ops of another task would land in it.
 */
export function scope<T>(body: () => T): T {
  native.scopeEnter();
  let kept: number[] = [];
  try {
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new TypeError(
        'scope(): the body returned a promise; scopes are synchronous. Await first, then open the scope.',
      );
    }
    kept = tensorsIn(result).map((tensor) => tensor.handle);
    return result;
  } finally {
    native.scopeExit(kept);
  }
}

export interface MemoryStats {
  /** Tensors that JavaScript can name. */
  liveTensors: number;
  /** Bytes of their storages on the CPU, each counted once. */
  cpuBytes: number;
  /** Bytes of the CUDA allocator, when there is one. */
  cuda?: { allocated: number; reserved: number; peak: number };
}

export function memoryStats(cudaIndex = 0): MemoryStats {
  const { live, cpuBytes } = native.tableStats();
  const cuda = native.cudaCount() > 0 ? native.cudaMemory(cudaIndex) : undefined;
  return { liveTensors: live, cpuBytes, ...(cuda && { cuda }) };
}
