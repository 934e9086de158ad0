// B batch, N patches, K kept patches, C class tokens (1 or 0), R registers, D width, p patch side.

import type { SequencePlan } from '../compress/compression.ts';
import { patchScalingTensor, scaleKernel } from '../compress/patch-scaling.ts';
import type { Activation } from '../nn/activation.ts';
import { Block } from '../nn/block.ts';
import type { GeluMlpSpec } from '../nn/heads.ts';
import type { Init } from '../nn/init.ts';
import { LatentPool } from '../nn/latent-pool.ts';
import { LayerNorm } from '../nn/layer-norm.ts';
import { Module } from '../nn/module.ts';
import { embedPatches, type Grid, gridOf, patchify, patchifyKept } from '../nn/patch-embed.ts';
import {
  bicubicGridMatrix,
  keptPositions,
  resizePositions,
  sinCosOnGrid,
  sinCosPositions,
} from '../nn/position.ts';
import { type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { VitStyle } from './vit-style.ts';

export { DINO_VIT, MOCO_V3_VIT, OPEN_CLIP_VIT, TIMM_VIT, type VitStyle } from './vit-style.ts';

export interface VitSpec {
  type?: 'vit';
  imageSize: number;
  patchSize: number;
  width: number;
  layers: number;
  heads: number;
  mlpRatio: number;
  /** The class token, the mean of the patch tokens, or a learned query's attention to all tokens (SigLIP). */
  pool: 'class' | 'mean' | 'attention';
  positionEmbedding: 'learned' | 'sincos';
  /** Default: GELU. */
  activation?: Activation;
  /** Default: true. */
  classToken?: boolean;
  /** Tokens after the class token that stand for no patch (Darcet et al. 2024). Default: 0. */
  registers?: number;
  layerScale?: boolean;
  /** Default: the style's. */
  preNorm?: boolean;
  patchBias?: boolean;
  normEps?: number;
  /** Whether a Clip multiplies the output by a matrix; without one, it is the embedding. Default: true. */
  projection?: boolean;
  /** Behind the embedding, in a Clip. */
  head?: GeluMlpSpec;
}

/**
 * A vision transformer (Dosovitskiy et al. 2021). Throws a RangeError unless the patch size divides the image size.
 * @equation FastCL 1.3: kept tokens keep their positions; the class token stays
 */
export class VisionTransformer extends Module {
  readonly spec: VitSpec;
  readonly #style: VitStyle;
  readonly #classToken: Tensor | null; // [D] or [1, 1, D]
  readonly #positions: Tensor; // [C + N, D] or [1, C + N, D]
  readonly #registers: Tensor | null; // [R, D] or [1, R, D]
  readonly #kernel: Tensor; // [D, 3, p, p]
  readonly #bias: Tensor | null;
  readonly #preNorm: LayerNorm | null;
  readonly #blocks: Block[];
  readonly #norm: LayerNorm;
  readonly #pool: LatentPool | null;

  constructor(init: Init, spec: VitSpec, given: VitStyle) {
    super();
    const { width, patchSize, imageSize } = spec;
    const style = styleOf(spec, given);
    const { names, start } = style;
    const leading = classTokens(spec);
    const grid = imageSize / patchSize;
    if (!Number.isInteger(grid))
      throw new RangeError(`patch size ${patchSize} does not divide image size ${imageSize}`);
    const lead = (shape: number[], count: number) =>
      style.flatTokens ? shape : [...Array<number>(count).fill(1), ...shape];
    const scale = width ** -0.5;
    this.spec = spec;
    this.#style = style;
    const token = (name: string, shape: number[]) =>
      this.parameter(name, init.normal(shape, start?.classToken ?? scale));
    this.#classToken = leading > 0 ? token(names.classToken, lead([width], 2)) : null;
    const positionShape = lead([leading + grid * grid, width], 1);
    if (spec.positionEmbedding === 'learned') {
      this.#positions = this.parameter(
        names.positions,
        init.normal(positionShape, start?.positions ?? scale),
      );
    } else {
      const table = sinCosPositions({ grid, width, prefixTokens: leading, first: style.firstAxis });
      this.#positions = this.parameter(names.positions, tensor(table, positionShape, init)).requireGrad(
        false,
      );
    }
    const { kernel, bias } = startOfPatches(init, spec, style);
    this.#kernel = this.parameter(names.patchWeight, kernel).requireGrad(!style.frozenPatches);
    this.#bias = bias && this.parameter(names.patchBias, bias).requireGrad(!style.frozenPatches);
    this.#preNorm = style.preNorm
      ? this.child(names.preNorm, new LayerNorm(init, width, style.normEps))
      : null;
    const options = {
      ...spec,
      causal: false,
      names: names.block,
      normEps: style.normEps,
      ...(start && { start: start.linear }),
    };
    this.#blocks = Array.from({ length: spec.layers }, (_, i) =>
      this.child(`${names.blocks}${i}.`, new Block(init, options)),
    );
    this.#norm = this.child(names.norm, new LayerNorm(init, width, style.normEps));
    const { registers = 0 } = spec;
    this.#registers = registers > 0 ? token(names.registers, lead([registers, width], 1)) : null;
    this.#pool =
      spec.pool === 'attention' ? this.child(names.pool, new LatentPool(init, { ...spec, ...style })) : null;
  }

  /** The blocks' input [B, C + R + K, D]: class token, registers, patches. */
  embed(images: Tensor, { patchSize = this.spec.patchSize, keep }: SequencePlan = {}): Tensor {
    const pixels = keep ? patchifyKept(images, patchSize, keep) : patchify(images, patchSize);
    const patches = embedPatches(pixels, this.#kernelOf(patchSize), this.#bias);
    const [batch, , width] = patches.shape;
    const forAll = (tokens: Tensor) => {
      const rows = tokens.view(1, -1, width);
      return rows.expand(batch, rows.shape[1], width).to(patches.dtype);
    };
    const positions = this.#positionsOn(gridOf(images, patchSize));
    const tokens = this.#classToken ? ops.cat([forAll(this.#classToken), patches], 1) : patches;
    const leading = classTokens(this.spec);
    const placed = tokens.add(
      keep ? keptPositions(positions.view(-1, width), { keep, prefixTokens: leading }) : positions,
    );
    const sequence = this.#registers
      ? inserted(placed, { at: leading, rows: forAll(this.#registers) })
      : placed;
    return this.#preNorm ? this.#preNorm.forward(sequence) : sequence;
  }

  /** The patch projection for patches of side q: [D, 3, q, q]. */
  #kernelOf(q: number): Tensor {
    const { patchSize } = this.spec;
    if (q === patchSize) return this.#kernel;
    const { device } = this.#kernel;
    const scaling = this.constant(`patches ${q}`, () => patchScalingTensor(patchSize, q, device));
    return scaleKernel(this.#kernel, scaling);
  }

  /** Positions of the class token and of a grid's patches. */
  #positionsOn(grid: Grid): Tensor {
    const { imageSize, patchSize, width, positionEmbedding } = this.spec;
    const base = imageSize / patchSize;
    if (grid.rows === base && grid.columns === base) return this.#positions;
    const stored = this.#positions.view(-1, width);
    const leading = classTokens(this.spec);
    const key = `positions ${grid.rows} x ${grid.columns}`;
    if (positionEmbedding === 'learned') {
      const { positionResize: resize = 'antialiased' } = this.#style;
      const { device } = stored;
      const matrix = this.constant(key, () => bicubicGridMatrix(base, grid, { resize, device }));
      return resizePositions(stored, { matrix, prefixTokens: leading });
    }
    const options = { grid, baseGrid: base, width, first: this.#style.firstAxis };
    const table = this.constant(key, () => sinCosOnGrid(options, stored));
    return ops.cat([stored.narrow(0, 0, leading), table], 0);
  }

  /**
   * Normalised [B, 3, H, W] -> [B, D]. The patch size must divide H and W. A plan shortens the sequence.
   * @equation FastCL 1.3: kept tokens keep their positions; the class token stays
   */
  forward(images: Tensor, plan: SequencePlan = {}): Tensor {
    const x = this.#encode(images, plan);
    // The norm of the class token alone is cheaper than that of all.
    if (this.spec.pool === 'class') return this.#norm.forward(x.select(1, 0));
    if (this.#pool) return this.#pool.forward(this.#norm.forward(x));
    return this.#norm.forward(this.#patchesOf(x)).mean(1);
  }

  /** Normalised [B, 3, H, W] -> [B, N, D]: the patch tokens after the last norm, without class token and registers. */
  patchTokens(images: Tensor): Tensor {
    return this.#norm.forward(this.#patchesOf(this.#encode(images, {})));
  }

  #encode(images: Tensor, plan: SequencePlan): Tensor {
    let x = this.embed(images, plan);
    const scales = plan.pathScales?.unbind(0);
    this.#blocks.forEach((block, i) => {
      x = block.forward(x, scales?.[i]);
    });
    return x;
  }

  #patchesOf(x: Tensor): Tensor {
    const prefix = prefixTokens(this.spec);
    return x.narrow(1, prefix, x.shape[1] - prefix);
  }
}

/** C: the class token, or none. */
const classTokens = ({ classToken = true }: VitSpec): number => (classToken ? 1 : 0);

/** C + R: tokens that stand for no patch. */
export const prefixTokens = (spec: VitSpec): number => classTokens(spec) + (spec.registers ?? 0);

/** What a spec leaves to its style. */
export const styleFields = ({ preNorm, patchBias, normEps }: VitStyle) => ({ preNorm, patchBias, normEps });

/** A style, and what a spec says otherwise. */
export function styleOf(
  { preNorm, patchBias, normEps }: Pick<VitSpec, 'preNorm' | 'patchBias' | 'normEps'>,
  style: VitStyle,
): VitStyle {
  return {
    ...style,
    ...(preNorm !== undefined && { preNorm }),
    ...(patchBias !== undefined && { patchBias }),
    ...(normEps !== undefined && { normEps }),
  };
}

function inserted(x: Tensor, { at, rows }: { at: number; rows: Tensor }): Tensor {
  return ops.cat([x.narrow(1, 0, at), rows, x.narrow(1, at, x.shape[1] - at)], 1);
}

function startOfPatches(
  init: Init,
  { width, patchSize }: VitSpec,
  { start, patchBias }: VitStyle,
): { kernel: Tensor; bias: Tensor | null } {
  const shape = [width, 3, patchSize, patchSize];
  const fanIn = 3 * patchSize * patchSize;
  const kernel = start?.patches ? start.patches(init, shape) : init.fanIn(shape, fanIn);
  if (!patchBias) return { kernel, bias: null };
  return { kernel, bias: start?.patches ? init.zeros([width]) : init.fanIn([width], fanIn) };
}
