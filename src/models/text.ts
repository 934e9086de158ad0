// B batch, L tokens, D width, E embedding.

import type { Activation } from '../nn/activation.ts';
import { Block, OPEN_CLIP_BLOCK } from '../nn/block.ts';
import type { GeluMlpSpec } from '../nn/heads.ts';
import type { Init } from '../nn/init.ts';
import { LayerNorm } from '../nn/layer-norm.ts';
import { Module } from '../nn/module.ts';
import { type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface TextSpec {
  contextLength: number;
  vocabSize: number;
  width: number;
  heads: number;
  layers: number;
  /** Default: GELU. */
  activation?: Activation;
  /** Default: 4. */
  mlpRatio?: number;
  /** Default: 1e-5. */
  normEps?: number;
  /** Whether a token sees only those before it. Default: true. */
  causal?: boolean;
  /** Where a text is read: at its end, the token of the largest id, or at the last position. Default: end. */
  pool?: 'end' | 'last';
  /** Default: false. */
  projectionBias?: boolean;
  /** Id that fills a row after its text. Default: 0. */
  padId?: number;
  /** Behind the embedding. */
  head?: GeluMlpSpec;
}

/** CLIP's text transformer (Radford et al. 2021) with open_clip's names and initialisation. */
export class TextTransformer extends Module {
  readonly spec: TextSpec;
  readonly #tokenEmbedding: Tensor; // [V, D]
  readonly #positions: Tensor; // [L, D]
  readonly #blocks: Block[];
  readonly #norm: LayerNorm;
  readonly #projection: Tensor; // [D, E]
  readonly #projectionBias: Tensor | null; // [E]

  constructor(init: Init, spec: TextSpec, embedDim: number) {
    super();
    const { width, layers, normEps = 1e-5 } = spec;
    this.spec = spec;
    this.#positions = this.parameter('positional_embedding', init.normal([spec.contextLength, width], 0.01));
    this.#projection = this.parameter('text_projection', init.normal([width, embedDim], width ** -0.5));
    this.#tokenEmbedding = this.parameter(
      'token_embedding.weight',
      init.normal([spec.vocabSize, width], 0.02),
    );
    const residual = width ** -0.5 * (2 * layers) ** -0.5;
    const std = { qkv: width ** -0.5, attentionOut: residual, mlpIn: (2 * width) ** -0.5, mlpOut: residual };
    const options = {
      width,
      heads: spec.heads,
      mlpRatio: spec.mlpRatio ?? 4,
      causal: spec.causal ?? true,
      names: OPEN_CLIP_BLOCK,
      normEps,
      activation: spec.activation ?? 'gelu',
      std,
    };
    this.#blocks = Array.from({ length: layers }, (_, i) =>
      this.child(`transformer.resblocks.${i}.`, new Block(init, options)),
    );
    this.#norm = this.child('ln_final.', new LayerNorm(init, width, normEps));
    this.#projectionBias = spec.projectionBias
      ? this.parameter('text_projection_bias', init.zeros([embedDim]))
      : null;
  }

  /** Integers [B, L] -> [B, E]. L may be below contextLength: what follows is padding. */
  forward(given: Tensor): Tensor {
    const tokens = this.#withPadding(given);
    const [, length] = tokens.shape;
    let x = ops.embedding(this.#tokenEmbedding, tokens).add(this.#positions.narrow(0, 0, length));
    for (const block of this.#blocks) x = block.forward(x);
    const features = this.#norm.forward(this.#read(x, tokens)).matmul(this.#projection);
    return this.#projectionBias ? features.add(this.#projectionBias) : features;
  }

  /** Padding changes nothing where tokens see only those before them, and texts are read at their end. */
  #withPadding(tokens: Tensor): Tensor {
    const { contextLength, padId = 0, causal = true, pool = 'end' } = this.spec;
    const [batch, length] = tokens.shape;
    if (length === contextLength || (causal && pool === 'end')) return tokens;
    return ops.cat([tokens, zeros([batch, contextLength - length], tokens).add(padId)], 1);
  }

  /** [B, L, D] -> [B, D] */
  #read(x: Tensor, tokens: Tensor): Tensor {
    const [batch, length, width] = x.shape;
    if (this.spec.pool === 'last') return x.select(1, length - 1);
    const end = tokens.argmax(1).view(batch, 1, 1).expand(batch, 1, width);
    return x.gather(1, end).squeeze(1);
  }
}
