// B batch, N patches, D width, E embedding, p patch side.
import { Block, type BlockNames, OPEN_CLIP_BLOCK, TIMM_BLOCK } from '../nn/block.ts';
import type { Init } from '../nn/init.ts';
import { LayerNorm } from '../nn/layer-norm.ts';
import { Module } from '../nn/module.ts';
import { patchEmbed } from '../nn/patch-embed.ts';
import { sinCosPositions } from '../nn/position.ts';
import { type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface VitSpec {
  type?: 'vit';
  imageSize: number;
  patchSize: number;
  width: number;
  layers: number;
  heads: number;
  mlpRatio: number;
  /** 'class': the class token; 'mean': the mean of the patch tokens. */
  pool: 'class' | 'mean';
  positionEmbedding: 'learned' | 'sincos';
}

/** What distinguishes one family's ViT from another's: names, and three details of the architecture. */
export interface VitStyle {
  names: {
    classToken: string;
    positions: string;
    patchWeight: string;
    patchBias: string;
    preNorm: string;
    blocks: string;
    norm: string;
    block: BlockNames;
  };
  /** open_clip keeps class token and positions without leading dimensions of one; timm does not. */
  flatTokens: boolean;
  patchBias: boolean;
  preNorm: boolean;
  normEps: number;
}

export const OPEN_CLIP_VIT: VitStyle = {
  names: {
    classToken: 'class_embedding',
    positions: 'positional_embedding',
    patchWeight: 'conv1.weight',
    patchBias: 'conv1.bias',
    preNorm: 'ln_pre.',
    blocks: 'transformer.resblocks.',
    norm: 'ln_post.',
    block: OPEN_CLIP_BLOCK,
  },
  flatTokens: true,
  patchBias: false,
  preNorm: true,
  normEps: 1e-5,
};

export const TIMM_VIT: VitStyle = {
  names: {
    classToken: 'cls_token',
    positions: 'pos_embed',
    patchWeight: 'patch_embed.proj.weight',
    patchBias: 'patch_embed.proj.bias',
    preNorm: 'norm_pre.',
    blocks: 'blocks.',
    norm: 'norm.',
    block: TIMM_BLOCK,
  },
  flatTokens: false,
  patchBias: true,
  preNorm: false,
  normEps: 1e-6,
};

/** A vision transformer (Dosovitskiy et al. 2021): images [B, 3, H, W] -> one vector [B, D] each. */
export class VisionTransformer extends Module {
  readonly spec: VitSpec;
  readonly #classToken: Tensor; // [D] or [1, 1, D]
  readonly #positions: Tensor; // [1 + N, D] or [1, 1 + N, D]
  readonly #kernel: Tensor; // [D, 3, p, p]
  readonly #bias: Tensor | null;
  readonly #preNorm: LayerNorm | null;
  readonly #blocks: Block[];
  readonly #norm: LayerNorm;

  constructor(init: Init, spec: VitSpec, style: VitStyle) {
    super();
    const { width, patchSize, imageSize } = spec;
    const { names } = style;
    const grid = imageSize / patchSize;
    if (!Number.isInteger(grid))
      throw new RangeError(`patch size ${patchSize} does not divide image size ${imageSize}`);
    const lead = (shape: number[], count: number) =>
      style.flatTokens ? shape : [...Array<number>(count).fill(1), ...shape];
    const scale = width ** -0.5;
    this.spec = spec;
    this.#classToken = this.parameter(names.classToken, init.normal(lead([width], 2), scale));
    const positionShape = lead([1 + grid * grid, width], 1);
    if (spec.positionEmbedding === 'learned') {
      this.#positions = this.parameter(names.positions, init.normal(positionShape, scale));
    } else {
      const table = sinCosPositions({ grid, width, prefixTokens: 1 });
      this.#positions = this.parameter(names.positions, tensor(table, positionShape, init)).requireGrad(
        false,
      );
    }
    const fanIn = 3 * patchSize * patchSize;
    this.#kernel = this.parameter(names.patchWeight, init.fanIn([width, 3, patchSize, patchSize], fanIn));
    this.#bias = style.patchBias ? this.parameter(names.patchBias, init.fanIn([width], fanIn)) : null;
    this.#preNorm = style.preNorm
      ? this.child(names.preNorm, new LayerNorm(init, width, style.normEps))
      : null;
    const options = { ...spec, causal: false, names: names.block, normEps: style.normEps };
    this.#blocks = Array.from({ length: spec.layers }, (_, i) =>
      this.child(`${names.blocks}${i}.`, new Block(init, options)),
    );
    this.#norm = this.child(names.norm, new LayerNorm(init, width, style.normEps));
  }

  /** The sequence that enters the blocks: [B, 1 + N, D], class token first. */
  embed(images: Tensor): Tensor {
    const patches = patchEmbed(images, this.#kernel, this.#bias);
    const [batch, , width] = patches.shape;
    const classTokens = this.#classToken.view(1, 1, width).expand(batch, 1, width).to(patches.dtype);
    const sequence = ops.cat([classTokens, patches], 1).add(this.#positions);
    return this.#preNorm ? this.#preNorm.forward(sequence) : sequence;
  }

  /** [B, 3, H, W], normalised -> [B, D]. */
  forward(images: Tensor): Tensor {
    let x = this.embed(images);
    for (const block of this.#blocks) x = block.forward(x);
    // The norm works token by token: for the class token alone it is cheaper after pooling, and the same.
    if (this.spec.pool === 'class') return this.#norm.forward(x.select(1, 0));
    const patches = x.shape[1] - 1;
    return this.#norm.forward(x.narrow(1, 1, patches)).mean(1);
  }
}
