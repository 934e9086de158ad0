import { clearGrads, gradsOf, noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import type { Optimizer, StepOptions } from './optimizer.ts';

export interface AdamWOptions {
  beta1: number;
  beta2: number;
  eps: number;
}

interface Slots {
  params: Tensor[];
  grads: Tensor[];
  first: Tensor[];
  second: Tensor[];
  counters: Tensor[];
}

/**
 * AdamW (Loshchilov & Hutter 2019): decoupled weight decay, bias-corrected moments, as torch.optim.AdamW computes it.
 * On CUDA one fused kernel per group; elsewhere libtorch's foreach kernels, since 1.13 has no fused one.
 */
export class AdamW implements Optimizer {
  readonly #groups: ParamGroup[];
  readonly #options: AdamWOptions;
  readonly #first = new Map<string, Tensor>();
  readonly #second = new Map<string, Tensor>();
  readonly #counters = new Map<string, Tensor>(); // the fused kernel wants its step counts as tensors
  readonly #fused: boolean;
  #steps = 0;

  constructor(groups: ParamGroup[], options: AdamWOptions) {
    this.#groups = groups;
    this.#options = options;
    const device = groups[0]?.tensors[0]?.device ?? 'cpu';
    this.#fused = device.startsWith('cuda') && ops.has('aten::_fused_adamw_');
    for (const { names, tensors } of groups) {
      names.forEach((name, i) => {
        this.#first.set(name, ops.zeros_like(tensors[i]).persist());
        this.#second.set(name, ops.zeros_like(tensors[i]).persist());
        if (this.#fused) this.#counters.set(name, zeros([], { device }).persist());
      });
    }
  }

  step({ lr }: StepOptions): void {
    this.#steps++;
    scope(() =>
      noGrad(() => {
        for (const group of this.#groups) {
          const slots = this.#slots(group);
          if (slots.params.length === 0) continue;
          if (this.#fused) this.#fusedStep(slots, lr, group.weightDecay);
          else this.#foreachStep(slots, lr, group.weightDecay);
        }
      }),
    );
    for (const { tensors } of this.#groups) clearGrads(tensors);
  }

  #slots({ names, tensors }: ParamGroup): Slots {
    const slots: Slots = { params: [], grads: [], first: [], second: [], counters: [] };
    gradsOf(tensors).forEach((grad, i) => {
      if (!grad) return;
      slots.params.push(tensors[i]);
      slots.grads.push(grad);
      slots.first.push(this.#first.get(names[i])!);
      slots.second.push(this.#second.get(names[i])!);
      if (this.#fused) slots.counters.push(this.#counters.get(names[i])!);
    });
    return slots;
  }

  #fusedStep({ params, grads, first, second, counters }: Slots, lr: number, weightDecay: number): void {
    const { beta1, beta2, eps } = this.#options;
    ops._foreach_add__Scalar(counters, 1);
    ops._fused_adamw_(
      params,
      grads,
      first,
      second,
      [],
      counters,
      lr,
      beta1,
      beta2,
      weightDecay,
      eps,
      false,
      false,
    );
  }

  #foreachStep({ params, grads, first, second }: Slots, lr: number, weightDecay: number): void {
    const { beta1, beta2, eps } = this.#options;
    const correction1 = 1 - beta1 ** this.#steps;
    const correction2 = 1 - beta2 ** this.#steps;
    if (weightDecay !== 0) ops._foreach_mul__Scalar(params, 1 - lr * weightDecay);
    ops._foreach_mul__Scalar(first, beta1);
    ops._foreach_add__List(first, grads, 1 - beta1);
    ops._foreach_mul__Scalar(second, beta2);
    ops._foreach_addcmul__Scalar(second, grads, grads, 1 - beta2);
    const denominator = ops._foreach_sqrt(second);
    ops._foreach_div__Scalar(denominator, Math.sqrt(correction2));
    ops._foreach_add__Scalar(denominator, eps);
    ops._foreach_addcdiv__Scalar(params, first, denominator, -lr / correction1);
  }

  state(): { tensors: Map<string, Tensor>; steps: number } {
    const tensors = new Map<string, Tensor>();
    for (const [name, tensor] of this.#first) tensors.set(`exp_avg.${name}`, tensor);
    for (const [name, tensor] of this.#second) tensors.set(`exp_avg_sq.${name}`, tensor);
    return { tensors, steps: this.#steps };
  }

  restore(steps: number): void {
    this.#steps = steps;
    for (const counter of this.#counters.values()) ops.fill__Scalar(counter, steps);
  }

  dispose(): void {
    for (const tensors of [this.#first, this.#second, this.#counters])
      for (const tensor of tensors.values()) tensor.dispose();
  }
}
