// The net that gives the targets of MoCo v3 and DINO: a copy of the trained one that follows it slowly.
import type { Module } from '../../nn/module.ts';
import { noGrad } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

/** Makes `copy`, a module of the same make, start as `original`; no gradient reaches it from now on. */
export function startAsCopy(copy: Module, original: Module): void {
  const tensors = original.namedTensors();
  for (const [name, tensor] of copy.namedTensors()) tensor.set_(tensors.get(name)!);
  for (const parameter of copy.namedParameters().values()) parameter.requireGrad(false);
}

/**
 * copy <- m copy + (1 - m) original, for all parameters (He et al. 2020, equation 2); running statistics of batch norms are the copy's own.
 * Done after the optimizer's update. MoCo v3's code does it at the start of the next step instead, before the keys: nothing happens
 * between the two moments, so the keys are the same, but for m, which is that of the step before.
 */
export function follow(copy: Module, original: Module, { emaMomentum }: { emaMomentum: number }): void {
  const followers = [...copy.namedParameters().values()];
  const leaders = [...original.namedParameters().values()];
  noGrad(() => {
    ops._foreach_mul__Scalar(followers, emaMomentum);
    ops._foreach_add__List(followers, leaders, 1 - emaMomentum);
  });
}
