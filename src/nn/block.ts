import { full, type Tensor } from '../torch/index.ts';
import { type Activation, activation } from './activation.ts';
import { multiHeadAttention } from './attention.ts';
import type { Init } from './init.ts';
import { LayerNorm } from './layer-norm.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';

/** Names in checkpoints, separators included. */
export interface BlockNames {
  norm1: string;
  qkv: string;
  attentionOut: string;
  norm2: string;
  mlpIn: string;
  mlpOut: string;
  /** Factors of LayerScale. */
  scale1: string;
  scale2: string;
}

export const OPEN_CLIP_BLOCK: BlockNames = {
  norm1: 'ln_1.',
  qkv: 'attn.in_proj_',
  attentionOut: 'attn.out_proj.',
  norm2: 'ln_2.',
  mlpIn: 'mlp.c_fc.',
  mlpOut: 'mlp.c_proj.',
  scale1: 'ls_1.gamma',
  scale2: 'ls_2.gamma',
};

export const TIMM_BLOCK: BlockNames = {
  norm1: 'norm1.',
  qkv: 'attn.qkv.',
  attentionOut: 'attn.proj.',
  norm2: 'norm2.',
  mlpIn: 'mlp.fc1.',
  mlpOut: 'mlp.fc2.',
  scale1: 'ls1.gamma',
  scale2: 'ls2.gamma',
};

/** Standard deviations of initial weights. */
export interface BlockStd {
  qkv: number;
  attentionOut: number;
  mlpIn: number;
  mlpOut: number;
}

/** Initialises a weight [out, in] of `parts` stacked matrices. */
export type WeightStart = (init: Init, shape: readonly [number, number], parts: number) => Tensor;

export interface BlockOptions {
  width: number;
  heads: number;
  mlpRatio: number;
  causal: boolean;
  names: BlockNames;
  normEps: number;
  activation?: Activation;
  /** Whether each branch is multiplied by learned factors (Touvron et al. 2021, "Going deeper with image transformers"). */
  layerScale?: boolean;
  /** Default: PyTorch's initialisation. */
  std?: BlockStd;
  /** Initialises all weights, with zero biases, instead of `std`. */
  start?: WeightStart;
}

/** Initial factors of LayerScale: DINOv2's. */
const LAYER_SCALE = 1e-5;

/** A pre-norm transformer block, [B, N, D] -> [B, N, D]. */
export class Block extends Module {
  readonly #options: BlockOptions;
  readonly #norm1: LayerNorm;
  readonly #qkv: Linear;
  readonly #attentionOut: Linear;
  readonly #norm2: LayerNorm;
  readonly #mlpIn: Linear;
  readonly #mlpOut: Linear;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #gammas: { attention: Tensor; mlp: Tensor } | null; // [D]

  constructor(init: Init, options: BlockOptions) {
    super();
    const { width, names, std, start } = options;
    const hidden = Math.round(width * options.mlpRatio);
    const weight = (shape: [number, number], deviation?: number, parts = 1) =>
      start?.(init, shape, parts) ?? (deviation === undefined ? undefined : init.normal(shape, deviation));
    const bias = (size: number) => (start ? init.zeros([size]) : undefined);
    this.#options = options;
    this.#activation = activation(options.activation);
    this.#norm1 = this.child(names.norm1, new LayerNorm(init, width, options.normEps));
    this.#qkv = this.child(
      names.qkv,
      new Linear(
        init,
        { in: width, out: 3 * width },
        {
          weight: weight([3 * width, width], std?.qkv, 3) ?? init.xavier([3 * width, width]),
          bias: init.zeros([3 * width]),
        },
      ),
    );
    this.#attentionOut = this.child(
      names.attentionOut,
      new Linear(
        init,
        { in: width, out: width },
        { weight: weight([width, width], std?.attentionOut), bias: init.zeros([width]) },
      ),
    );
    this.#norm2 = this.child(names.norm2, new LayerNorm(init, width, options.normEps));
    this.#mlpIn = this.child(
      names.mlpIn,
      new Linear(
        init,
        { in: width, out: hidden },
        { weight: weight([hidden, width], std?.mlpIn), bias: bias(hidden) },
      ),
    );
    this.#mlpOut = this.child(
      names.mlpOut,
      new Linear(
        init,
        { in: hidden, out: width },
        { weight: weight([width, hidden], std?.mlpOut), bias: bias(width) },
      ),
    );
    const gamma = (name: string) => this.parameter(name, full([width], LAYER_SCALE, init));
    this.#gammas = options.layerScale ? { attention: gamma(names.scale1), mlp: gamma(names.scale2) } : null;
  }

  /** @param scales [2, B]: factors of each sample's attention and MLP (stochastic depth) */
  forward(x: Tensor, scales?: Tensor): Tensor {
    const attended = multiHeadAttention(this.#qkv.forward(this.#norm1.forward(x)), this.#options);
    const attention = weighted(this.#attentionOut.forward(attended), this.#gammas?.attention);
    const afterAttention = x.add(scaled(attention, scales?.select(0, 0)));
    const hidden = this.#activation(this.#mlpIn.forward(this.#norm2.forward(afterAttention)));
    const mlp = weighted(this.#mlpOut.forward(hidden), this.#gammas?.mlp);
    return afterAttention.add(scaled(mlp, scales?.select(0, 1)));
  }
}

const weighted = (x: Tensor, gamma: Tensor | undefined) => (gamma ? x.mul(gamma) : x);

function scaled(x: Tensor, scale: Tensor | undefined): Tensor {
  return scale ? x.mul(scale.view(-1, 1, 1)) : x;
}
