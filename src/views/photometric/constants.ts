import type { Tensor } from '../../torch/index.ts';

const made = new Map<string, Tensor>();

/** A tensor that depends on nothing but its key, made once for the life of the process and kept out of every scope. */
export function constant(key: string, make: () => Tensor): Tensor {
  const known = made.get(key);
  if (known?.alive) return known;
  const fresh = make().persist();
  made.set(key, fresh);
  return fresh;
}
