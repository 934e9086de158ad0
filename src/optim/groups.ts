import type { NamedParams } from '../nn/module.ts';
import type { Tensor } from '../torch/index.ts';

export interface ParamGroup {
  names: string[];
  tensors: Tensor[];
  weightDecay: number;
}

/** open_clip's rule: no decay for vectors, scalars, biases and norms. */
export function decays(name: string, tensor: Tensor): boolean {
  return tensor.dim >= 2 && !/bn|ln|bias/.test(name);
}

/** With weight decay and without. */
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
