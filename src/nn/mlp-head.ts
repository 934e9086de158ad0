import type { Ranks } from '../ranks/index.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Affine } from './batch-norm.ts';
import type { Init } from './init.ts';
import { Module } from './module.ts';
import { SyncBatchNorm } from './sync-batch-norm.ts';

export interface MlpHeadOptions {
  activation: 'relu' | 'gelu';
  /** Batch norms over all ranks behind the linear layers, which then have no bias: what those of hidden layers have, and that of the last. */
  norms?: { hidden: Affine; last: Affine; ranks: Ranks };
  /** Deviation of normal weights, with biases of zero; by default both as PyTorch starts them. */
  std?: number;
}

interface Layer {
  weight: Tensor; // [out, in]
  bias: Tensor | null; // [out]
  norm: SyncBatchNorm | null;
}

/**
 * Linear layers with an activation between them, [B, C] -> [B, C'], numbered as PyTorch's Sequential has them: linear, norm, activation.
 * Of views [B, V, C] -> [B, V, C'] norms take each by itself.
 */
export class MlpHead extends Module {
  readonly #layers: Layer[] = [];
  readonly #activation: 'relu' | 'gelu';

  /** @param widths of the input, of each hidden layer, and of the output */
  constructor(init: Init, widths: readonly number[], { activation, norms, std }: MlpHeadOptions) {
    super();
    this.#activation = activation;
    let at = 0;
    widths.slice(1).forEach((out, i) => {
      const fanIn = widths[i];
      const last = i + 2 === widths.length;
      const start = (shape: number[]) => init.fanIn(shape, fanIn);
      const matrix = std === undefined ? start([out, fanIn]) : init.normal([out, fanIn], std);
      const weight = this.parameter(`${at}.weight`, matrix);
      const bias = norms
        ? null
        : this.parameter(`${at}.bias`, std === undefined ? start([out]) : init.zeros([out]));
      at++;
      const norm = norms
        ? this.child(
            `${at++}.`,
            new SyncBatchNorm(init, out, { affine: last ? norms.last : norms.hidden, ranks: norms.ranks }),
          )
        : null;
      if (!last) at++; // the activation's
      this.#layers.push({ weight, bias, norm });
    });
  }

  forward(x: Tensor): Tensor {
    const activate = this.#activation === 'relu' ? ops.relu : ops.gelu;
    const last = this.#layers.length - 1;
    return this.#layers.reduce((input, { weight, bias, norm }, i) => {
      const linear = ops.linear(input, weight, bias);
      const normed = norm ? (x.dim === 3 ? norm.forwardViews(linear) : norm.forward(linear)) : linear;
      return i === last ? normed : activate(normed);
    }, x);
  }
}
