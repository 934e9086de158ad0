import type { NamedParams } from '../nn/module.ts';
import type { Tensor } from '../torch/index.ts';

/** Parameters that share a weight decay. */
export interface ParamGroup {
  names: string[];
  tensors: Tensor[];
  weightDecay: number;
}

/** No decay for vectors and scalars, and for what a name calls a bias or a norm (open_clip's rule). */
export function decays(name: string, tensor: Tensor): boolean {
  return tensor.dim >= 2 && !/bn|ln|bias/.test(name);
}

/** Two groups, with weight decay and without: open_clip's rule, unless another one is given. */
export function decayGroups(params: NamedParams, weightDecay: number, rule = decays): ParamGroup[] {
  const group = (entries: [string, Tensor][], decay: number): ParamGroup => ({
    names: entries.map(([name]) => name),
    tensors: entries.map(([, tensor]) => tensor),
    weightDecay: decay,
  });
  const entries = [...params];
  return [
    group(
      entries.filter(([name, tensor]) => rule(name, tensor)),
      weightDecay,
    ),
    group(
      entries.filter(([name, tensor]) => !rule(name, tensor)),
      0,
    ),
  ].filter(({ names }) => names.length > 0);
}
