// Families of ViTs: names, architecture, initialisation.
import { type BlockNames, OPEN_CLIP_BLOCK, TIMM_BLOCK, type WeightStart } from '../nn/block.ts';
import type { Init } from '../nn/init.ts';
import type { FirstAxis, PositionResize } from '../nn/position.ts';
import type { Tensor } from '../torch/index.ts';

export interface VitStyle {
  names: {
    classToken: string;
    positions: string;
    patchWeight: string;
    patchBias: string;
    preNorm: string;
    blocks: string;
    norm: string;
    registers: string;
    pool: string;
    block: BlockNames;
  };
  /** Whether class token and positions lack leading dimensions of one. */
  flatTokens: boolean;
  patchBias: boolean;
  preNorm: boolean;
  normEps: number;
  firstAxis: FirstAxis;
  /** Of learned positions on another grid. Default: antialiased. */
  positionResize?: PositionResize;
  /** Whether the patch projection stays random. */
  frozenPatches?: boolean;
  /** Default: open_clip's initialisation. */
  start?: VitStart;
}

export interface VitStart {
  /** Standard deviations. */
  classToken: number;
  positions: number;
  linear: WeightStart;
  /** The patch projection [D, 3, p, p], with zero bias. Default: PyTorch's initialisation of both. */
  patches?(init: Init, shape: readonly number[]): Tensor;
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
    registers: 'registers',
    pool: 'attn_pool.',
    block: OPEN_CLIP_BLOCK,
  },
  flatTokens: true,
  patchBias: false,
  preNorm: true,
  normEps: 1e-5,
  firstAxis: 'column',
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
    registers: 'reg_token',
    pool: 'attn_pool.',
    block: TIMM_BLOCK,
  },
  flatTokens: false,
  patchBias: true,
  preNorm: false,
  normEps: 1e-6,
  firstAxis: 'column',
};

/** Xavier's uniform for each of the stacked matrices. */
const xavierEach: WeightStart = (init, [out, fanIn], parts) =>
  init.uniform([out, fanIn], Math.sqrt(6 / (out / parts + fanIn)));

/**
 * MoCo v3's ViT (Chen et al. 2021, section 4, and released code). Its frozen random patch projection keeps training stable.
 * Positions are fixed by the spec's `positionEmbedding: 'sincos'`.
 * @equation FastCL 7.1: initial weights of a ViT: MoCo v3 within sqrt(6 / (out / 3 + in)) for q, k and v, a frozen patch projection; DINO deviation 0.02
 */
export const MOCO_V3_VIT: VitStyle = {
  ...TIMM_VIT,
  firstAxis: 'row',
  frozenPatches: true,
  start: {
    classToken: 1e-6,
    positions: 0.02,
    linear: xavierEach,
    patches(init, shape) {
      const [width, channels, p] = shape;
      return init.uniform(shape, Math.sqrt(6 / (channels * p * p + width)));
    },
  },
};

/**
 * DINO's ViT (Caron et al. 2021, released code), whose truncation of normal weights at ±2 never acts.
 * @equation FastCL 7.1: initial weights of a ViT: MoCo v3 within sqrt(6 / (out / 3 + in)) for q, k and v, a frozen patch projection; DINO deviation 0.02
 */
export const DINO_VIT: VitStyle = {
  ...TIMM_VIT,
  positionResize: 'dino',
  start: { classToken: 0.02, positions: 0.02, linear: (init, shape) => init.normal(shape, 0.02) },
};
