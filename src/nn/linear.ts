import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Init } from './init.ts';
import { Module } from './module.ts';

/** y = x W^T + b, over the last dimension. */
export class Linear extends Module {
  readonly weight: Tensor; // [out, in]
  readonly bias: Tensor; // [out]

  /** @param start initial values; default PyTorch's */
  constructor(init: Init, size: { in: number; out: number }, start: { weight?: Tensor; bias?: Tensor } = {}) {
    super();
    this.weight = this.parameter('weight', start.weight ?? init.fanIn([size.out, size.in], size.in));
    this.bias = this.parameter('bias', start.bias ?? init.fanIn([size.out], size.in));
  }

  forward(x: Tensor): Tensor {
    return ops.linear(x, this.weight, this.bias);
  }
}
