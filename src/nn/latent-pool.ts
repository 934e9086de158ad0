// B batch, N tokens, D width.
import type { Tensor } from '../torch/index.ts';
import { type Activation, activation } from './activation.ts';
import { scaledDotProductAttention } from './attention.ts';
import type { Init } from './init.ts';
import { LayerNorm } from './layer-norm.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';

export interface LatentPoolOptions {
  width: number;
  heads: number;
  mlpRatio: number;
  normEps: number;
  activation?: Activation;
}

/**
 * Pooling by one learned query and an MLP (Lee et al. 2019, section 3.2; Zhai et al. 2022, section 3.1): SigLIP's head. Names as timm's
 * AttentionPoolLatent.
 */
export class LatentPool extends Module {
  readonly #latent: Tensor; // [1, 1, D]
  readonly #query: Linear;
  readonly #keyValue: Linear;
  readonly #out: Linear;
  readonly #norm: LayerNorm;
  readonly #mlpIn: Linear;
  readonly #mlpOut: Linear;
  readonly #heads: number;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(init: Init, options: LatentPoolOptions) {
    super();
    const { width, heads, mlpRatio, normEps } = options;
    const hidden = Math.round(width * mlpRatio);
    const linear = (name: string, size: { in: number; out: number }) =>
      this.child(
        `${name}.`,
        new Linear(init, size, {
          weight: init.xavier([size.out, size.in]),
          bias: init.zeros([size.out]),
        }),
      );
    this.#heads = heads;
    this.#activation = activation(options.activation);
    this.#latent = this.parameter('latent', init.normal([1, 1, width], width ** -0.5));
    this.#query = linear('q', { in: width, out: width });
    this.#keyValue = linear('kv', { in: width, out: 2 * width });
    this.#out = linear('proj', { in: width, out: width });
    this.#norm = this.child('norm.', new LayerNorm(init, width, normEps));
    this.#mlpIn = linear('mlp.fc1', { in: width, out: hidden });
    this.#mlpOut = linear('mlp.fc2', { in: hidden, out: width });
  }

  /** [B, N, D] -> [B, D]. */
  forward(x: Tensor): Tensor {
    const [batch, count, width] = x.shape;
    const heads = this.#heads;
    const query = this.#query
      .forward(this.#latent)
      .view(1, 1, heads, width / heads)
      .transpose(1, 2);
    const [key, value] = this.#keyValue
      .forward(x)
      .view(batch, count, 2, heads, width / heads)
      .permute(2, 0, 3, 1, 4)
      .unbind(0);
    const rows = query.expand(batch, heads, 1, width / heads);
    const pooled = scaledDotProductAttention(rows, key, value, { causal: false });
    const mixed = this.#out.forward(pooled.transpose(1, 2).reshape(batch, width));
    const hidden = this.#activation(this.#mlpIn.forward(this.#norm.forward(mixed)));
    return mixed.add(this.#mlpOut.forward(hidden));
  }
}
