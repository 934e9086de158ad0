import { full } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import { type AdamOptions, adamDirection, adamSchema, MOMENTS, type Moment } from './moments.ts';
import { defineOptimizer } from './optimizer.ts';
import { type Live, type Rates, SlotOptimizer } from './slots.ts';

/**
 * AdamW (Loshchilov & Hutter 2019) as torch.optim.AdamW computes it: one fused kernel per group on CUDA, foreach kernels elsewhere.
 * @equation FastCLIP 5: AdamW (Loshchilov & Hutter 2019)
 */
export class AdamW extends SlotOptimizer<Moment> {
  readonly #options: AdamOptions;
  readonly #fused: boolean;

  constructor(groups: readonly ParamGroup[], options: AdamOptions) {
    super(groups, MOMENTS);
    this.#options = options;
    const device = groups[0]?.tensors[0]?.device ?? 'cpu';
    this.#fused = device.startsWith('cuda') && ops.has('aten::_fused_adamw_');
  }

  protected override update(live: Live<Moment>, rates: Rates): void {
    if (this.#fused) this.#fusedStep(live, rates);
    else this.#foreachStep(live, rates);
  }

  #fusedStep({ params, grads, slots }: Live<Moment>, { lr, weightDecay, updates }: Rates): void {
    const { beta1, beta2, eps } = this.#options;
    const { exp_avg, exp_avg_sq } = slots;
    const count = full([], updates, { device: params[0].device }); // the kernel reads counts from the device
    const counts = params.map(() => count);
    const [amsgrad, maximize] = [false, false];
    // biome-ignore format: one call, one line
    ops._fused_adamw_(params, grads, exp_avg, exp_avg_sq, [], counts, lr, beta1, beta2, weightDecay, eps, amsgrad, maximize);
  }

  #foreachStep(live: Live<Moment>, { lr, weightDecay, updates }: Rates): void {
    if (weightDecay !== 0) ops._foreach_mul__Scalar(live.params, 1 - lr * weightDecay);
    const { mean, denominator, factor } = adamDirection(live, this.#options, updates);
    ops._foreach_addcdiv__Scalar(live.params, mean, denominator, -lr * factor);
  }
}

export const adamw = defineOptimizer({
  name: 'adamw',
  options: adamSchema,
  create: (groups, options) => new AdamW(groups, options),
});
