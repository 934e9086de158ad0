import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Init } from './init.ts';
import { Module } from './module.ts';

/** Layer normalisation over the last dimension. */
export class LayerNorm extends Module {
  readonly weight: Tensor; // [D]
  readonly bias: Tensor; // [D]
  readonly #eps: number;

  constructor(init: Init, width: number, eps = 1e-5) {
    super();
    this.weight = this.parameter('weight', init.ones([width]));
    this.bias = this.parameter('bias', init.zeros([width]));
    this.#eps = eps;
  }

  forward(x: Tensor): Tensor {
    return ops.layer_norm(x, this.weight.shape as number[], this.weight, this.bias, this.#eps);
  }
}
