import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** Tensors in nested arrays, maps and plain objects. */
export function tensorsIn(value: unknown, tensors: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) tensors.push(value);
  else if (Array.isArray(value) || value instanceof Map)
    for (const inner of value.values()) tensorsIn(inner, tensors);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    for (const inner of Object.values(value)) tensorsIn(inner, tensors);
  }
  return tensors;
}

/**
 * Runs a synchronous `body` and frees every tensor that it made, also when it throws. Tensors in its result (nested arrays,
 * maps and plain objects) move to the outer scope.
 */
export function scope<T>(body: () => T): T {
  native.scopeEnter();
  let kept: number[] = [];
  try {
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new TypeError(
        'scope(): the body returned a promise, but scopes are synchronous. Await first, then open the scope.',
      );
    }
    kept = tensorsIn(result).map((tensor) => tensor.handle);
    return result;
  } finally {
    native.scopeExit(kept);
  }
}

export interface MemoryStats {
  /** Tensors that JavaScript has not disposed of. */
  liveTensors: number;
  /** Bytes of their CPU storages, each counted once. */
  cpuBytes: number;
  /** Bytes of the CUDA allocator. */
  cuda?: { allocated: number; reserved: number; peak: number };
}

export function memoryStats(cudaIndex = 0): MemoryStats {
  const { live, cpuBytes } = native.tableStats();
  const cuda = native.cudaCount() > 0 ? native.cudaMemory(cudaIndex) : undefined;
  return { liveTensors: live, cpuBytes, ...(cuda && { cuda }) };
}
