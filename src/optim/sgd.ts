import { z } from 'zod';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import { beta } from './moments.ts';
import { defineOptimizer } from './optimizer.ts';
import { type Live, type Rates, SlotOptimizer } from './slots.ts';

const sgdSchema = z.strictObject({
  sgdMomentum: beta.default(0.9).describe('momentum'),
  nesterov: z.boolean().default(false).describe('Nesterov momentum'),
});
export type SgdOptions = z.output<typeof sgdSchema>;

/**
 * As torch.optim.SGD without dampening: g = grad + weightDecay w, m = mu m + g, and w = w - lr m, or w - lr (g + mu m) by
 * Nesterov. `logit_scale` has no momentum (docs/equations.md, section 5).
 * @equation FastCLIP 5.2: SGD with momentum, none for the logit scale
 */
export class Sgd extends SlotOptimizer<'momentum_buffer'> {
  readonly #options: SgdOptions;

  constructor(groups: readonly ParamGroup[], options: SgdOptions) {
    super(groups, ['momentum_buffer']);
    this.#options = options;
  }

  protected override update(
    { names, params, grads, slots: { momentum_buffer: momentum } }: Live<'momentum_buffer'>,
    { lr, weightDecay }: Rates,
  ): void {
    const { sgdMomentum, nesterov } = this.#options;
    const mu = names.map((name) => (name === 'logit_scale' ? 0 : sgdMomentum));
    const gradients = weightDecay === 0 ? grads : ops._foreach_add_List(grads, params, weightDecay);
    ops._foreach_mul__ScalarList(momentum, mu);
    ops._foreach_add__List(momentum, gradients);
    const direction = nesterov ? ops._foreach_mul_ScalarList(momentum, mu) : momentum;
    if (nesterov) ops._foreach_add__List(direction, gradients);
    ops._foreach_add__List(params, direction, -lr);
  }
}

export const sgd = defineOptimizer({
  name: 'sgd',
  options: sgdSchema,
  create: (groups, options) => new Sgd(groups, options),
});
