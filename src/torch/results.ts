import type { Result } from '../../native/native.d.ts';
import { Tensor } from './tensor.ts';

export function one(result: Result): Tensor {
  return new Tensor(result as number);
}

export function many(result: Result): Tensor[] {
  return (result as number[]).map((handle) => new Tensor(handle));
}

export function handles(tensors: readonly Tensor[]): number[] {
  const out = new Array<number>(tensors.length);
  for (let i = 0; i < tensors.length; i++) out[i] = tensors[i].handle;
  return out;
}

export function optionalHandles(tensors: readonly (Tensor | null)[]): (number | null)[] {
  return tensors.map((tensor) => (tensor ? tensor.handle : null));
}
