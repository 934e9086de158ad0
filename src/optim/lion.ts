import { z } from 'zod';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import { beta } from './moments.ts';
import { defineOptimizer } from './optimizer.ts';
import { type Live, type Rates, SlotOptimizer } from './slots.ts';

const lionSchema = z.strictObject({
  beta1: beta.default(0.9).describe("share of the mean gradient in the update's direction"),
  beta2: beta.default(0.99).describe('decay of the mean of gradients'),
});
export type LionOptions = z.output<typeof lionSchema>;

/**
 * Lion (Chen et al. 2023): w = (1 - lr weightDecay) w - lr sign(b1 m + (1 - b1) g), then m = b2 m + (1 - b2) g. Needs an lr
 * 3 to 10 times smaller than AdamW, and as much more weightDecay.
 * @equation FastCLIP 5.2: Lion: the sign of b1 m + (1 - b1) g
 */
class Lion extends SlotOptimizer<'exp_avg'> {
  readonly #options: LionOptions;

  constructor(groups: readonly ParamGroup[], options: LionOptions) {
    super(groups, ['exp_avg']);
    this.#options = options;
  }

  protected override update({ params, grads, slots }: Live<'exp_avg'>, { lr, weightDecay }: Rates): void {
    const { beta1, beta2 } = this.#options;
    if (weightDecay !== 0) ops._foreach_mul__Scalar(params, 1 - lr * weightDecay);
    const direction = ops._foreach_mul_Scalar(slots.exp_avg, beta1);
    ops._foreach_add__List(direction, grads, 1 - beta1);
    sign_(direction);
    ops._foreach_add__List(params, direction, -lr);
    ops._foreach_mul__Scalar(slots.exp_avg, beta2);
    ops._foreach_add__List(slots.exp_avg, grads, 1 - beta2);
  }
}

export const lion = defineOptimizer({
  name: 'lion',
  options: lionSchema,
  create: (groups, options) => new Lion(groups, options),
});

/** In place; libtorch 1.13 lacks the foreach kernel. */
function sign_(tensors: readonly Tensor[]): void {
  if (ops.has('aten::_foreach_sign_')) ops._foreach_sign_(tensors);
  else for (const tensor of tensors) ops.sign_(tensor);
}
