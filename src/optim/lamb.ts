import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import { type AdamOptions, adamDirection, adamSchema, MOMENTS, type Moment } from './moments.ts';
import { defineOptimizer } from './optimizer.ts';
import { type Live, type Rates, SlotOptimizer } from './slots.ts';

/**
 * LAMB (You et al. 2020) as in FastCLIP (docs/equations.md, section 5): with Adam's direction d, r = d + weightDecay w and
 * w = w - lr ||w|| / ||r|| r for each tensor. The ratio is 1 for a zero norm, and for tensors without decay.
 * @equation FastCLIP 5.2: LAMB: the trust ratio ||w|| / ||r||, without bounds, where weights decay
 */
class Lamb extends SlotOptimizer<Moment> {
  readonly #options: AdamOptions;

  constructor(groups: readonly ParamGroup[], options: AdamOptions) {
    super(groups, MOMENTS);
    this.#options = options;
  }

  protected override update(live: Live<Moment>, { lr, weightDecay, updates }: Rates): void {
    const { params } = live;
    const { mean, denominator, factor } = adamDirection(live, this.#options, updates);
    const update = ops._foreach_div_List(mean, denominator);
    ops._foreach_mul__Scalar(update, factor);
    if (weightDecay !== 0) {
      ops._foreach_add__List(update, params, weightDecay);
      ops._foreach_mul__List(update, trustRatios(params, update));
    }
    ops._foreach_add__List(params, update, -lr);
  }
}

export const lamb = defineOptimizer({
  name: 'lamb',
  options: adamSchema,
  create: (groups, options) => new Lamb(groups, options),
});

/**
 * ||w|| / ||r||, or 1 where one of the two is 0: scalars on the device.
 * @equation FastCLIP 5.2: LAMB: the trust ratio ||w|| / ||r||, without bounds, where weights decay
 */
function trustRatios(params: readonly Tensor[], updates: readonly Tensor[]): Tensor[] {
  const weight = ops.stack(ops._foreach_norm_Scalar(params, 2));
  const update = ops.stack(ops._foreach_norm_Scalar(updates, 2));
  const known = ops.logical_and(weight.gt(0), update.gt(0));
  return ops.where_self(known, weight.div(update), ops.ones_like(weight)).unbind(0);
}
