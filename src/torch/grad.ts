import { DTYPE_CODE, type DType } from './dtype.ts';
import { native } from './native.ts';
import { handles } from './results.ts';
import { Tensor } from './tensor.ts';

/** Adds d(loss)/d(leaf) to each leaf's gradient. `loss` is a scalar, or `seed` has its shape. */
export function backward(loss: Tensor, seed?: Tensor): void {
  native.backward(loss.handle, seed?.handle);
}

/**
 * d(sum of outputs)/d(input), each output weighed by its seed where seeds are given, without touching the leaves' own
 * gradients; null where an input was not used.
 */
export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  seeds?: readonly Tensor[],
): (Tensor | null)[] {
  return native
    .gradients(handles(outputs), handles(inputs), seeds && handles(seeds))
    .map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** The gradients that backward() left, null where there is none. */
export function gradsOf(tensors: readonly Tensor[]): (Tensor | null)[] {
  return native.gradsOf(handles(tensors)).map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** Makes each tensor's gradient the given one, not a copy of it. */
export function setGrads(tensors: readonly Tensor[], grads: readonly Tensor[]): void {
  native.setGrads(handles(tensors), handles(grads));
}

/** Drops the gradients, so that the next backward writes instead of adding. */
export function clearGrads(tensors: readonly Tensor[]): void {
  native.clearGrads(handles(tensors));
}

function refusePromise<T>(result: T, where: string): T {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(
      `${where}: the body returned a promise; this mode belongs to the thread, so the body must be synchronous.`,
    );
  }
  return result;
}

/** Runs `body` without recording for gradients. Synchronous only. */
export function noGrad<T>(body: () => T): T {
  const before = native.setGradMode(false);
  try {
    return refusePromise(body(), 'noGrad()');
  } finally {
    native.setGradMode(before);
  }
}

/** Runs `body` with matrix products in a lower precision; 'float32' changes nothing. Synchronous only. */
export function autocast<T>({ device, dtype }: { device: string; dtype: DType }, body: () => T): T {
  if (dtype === 'float32' || dtype === 'float64') return body();
  const kind = device.startsWith('cuda') ? 'cuda' : 'cpu';
  native.enterAutocast(kind, DTYPE_CODE[dtype]);
  try {
    return refusePromise(body(), 'autocast()');
  } finally {
    native.leaveAutocast(kind);
  }
}
