import { DTYPE_CODE, type DType } from './dtype.ts';
import { native } from './native.ts';
import { handles } from './results.ts';
import { Tensor } from './tensor.ts';

/** Adds d(loss)/d(leaf) to each leaf's gradient. `loss` is a scalar unless `seed`, of its shape, is there. */
export function backward(loss: Tensor, seed?: Tensor): void {
  native.backward(loss.handle, seed?.handle);
}

/** d(sum of outputs * seeds)/d(input), null for an unused input. Leaves' `.grad` stays as it is. */
export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  seeds?: readonly Tensor[],
): (Tensor | null)[] {
  return native
    .gradients(handles(outputs), handles(inputs), seeds && handles(seeds))
    .map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** Gradients from backward(), null where there is none. */
export function gradsOf(tensors: readonly Tensor[]): (Tensor | null)[] {
  return native.gradsOf(handles(tensors)).map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** Sets each tensor's gradient without a copy. */
export function setGrads(tensors: readonly Tensor[], grads: readonly Tensor[]): void {
  native.setGrads(handles(tensors), handles(grads));
}

/** Drops the gradients, so that the next backward does not add. */
export function clearGrads(tensors: readonly Tensor[]): void {
  native.clearGrads(handles(tensors));
}

function refusePromise<T>(result: T, where: string): T {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(
      `${where}: the body returned a promise, but the mode holds for the whole thread. Pass a synchronous function.`,
    );
  }
  return result;
}

/** Runs a synchronous `body` without gradients. */
export function noGrad<T>(body: () => T): T {
  const before = native.setGradMode(false);
  try {
    return refusePromise(body(), 'noGrad()');
  } finally {
    native.setGradMode(before);
  }
}

/** Runs a synchronous `body` with matrix products in `dtype`; 'float32' changes nothing. */
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
