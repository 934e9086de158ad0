// B batch, N = H W places, D width, E embedding.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { scaledDotProductAttention } from './attention.ts';
import type { Init } from './init.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';

/** CLIP's attention pool (Radford et al. 2021, section 2.4): the query is the mean of all places. */
export class AttentionPool extends Module {
  readonly #positions: Tensor; // [1 + N, D]
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;
  readonly #out: Linear;
  readonly #heads: number;

  constructor(init: Init, size: { places: number; width: number; heads: number; out: number }) {
    super();
    const { places, width, heads } = size;
    const std = width ** -0.5;
    const linear = (name: string, out: number) =>
      this.child(
        `${name}.`,
        new Linear(init, { in: width, out }, { weight: init.normal([out, width], std) }),
      );
    this.#heads = heads;
    this.#positions = this.parameter('positional_embedding', init.normal([1 + places, width], std));
    this.#key = linear('k_proj', width);
    this.#query = linear('q_proj', width);
    this.#value = linear('v_proj', width);
    this.#out = linear('c_proj', size.out);
  }

  /** [B, D, H, W] -> [B, E]. */
  forward(x: Tensor): Tensor {
    const places = ops.flatten_using_ints(x, 2).transpose(1, 2); // [B, N, D]
    const tokens = ops.cat([places.mean(1, true), places], 1).add(this.#positions);
    const [batch, , width] = tokens.shape;
    const split = (rows: Tensor) =>
      rows.view(batch, rows.shape[1], this.#heads, width / this.#heads).transpose(1, 2); // [B, heads, ., d]
    const query = split(this.#query.forward(tokens.narrow(1, 0, 1)));
    const [key, value] = [this.#key, this.#value].map((part) => split(part.forward(tokens)));
    const pooled = scaledDotProductAttention(query, key, value, { causal: false });
    return this.#out.forward(pooled.transpose(1, 2).reshape(batch, width));
  }
}
