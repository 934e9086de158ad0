// B batch, N patches, K kept patches, D width, p patch side.
import type { SequencePlan } from '../compress/compression.ts';
import { patchScalingTensor, scaleKernel } from '../compress/patch-scaling.ts';
import { Block } from '../nn/block.ts';
import type { Init } from '../nn/init.ts';
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
  /** The class token, or the mean of the patch tokens. */
  pool: 'class' | 'mean';
  positionEmbedding: 'learned' | 'sincos';
}

/**
 * A vision transformer (Dosovitskiy et al. 2021). Throws a RangeError unless the patch size divides the image size.
 * @equation FastCL 1.3: kept tokens keep their positions; the class token stays
 */
export class VisionTransformer extends Module {
  readonly spec: VitSpec;
  readonly #style: VitStyle;
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
    const { names, start } = style;
    const grid = imageSize / patchSize;
    if (!Number.isInteger(grid))
      throw new RangeError(`patch size ${patchSize} does not divide image size ${imageSize}`);
    const lead = (shape: number[], count: number) =>
      style.flatTokens ? shape : [...Array<number>(count).fill(1), ...shape];
    const scale = width ** -0.5;
    this.spec = spec;
    this.#style = style;
    this.#classToken = this.parameter(
      names.classToken,
      init.normal(lead([width], 2), start?.classToken ?? scale),
    );
    const positionShape = lead([1 + grid * grid, width], 1);
    if (spec.positionEmbedding === 'learned') {
      this.#positions = this.parameter(
        names.positions,
        init.normal(positionShape, start?.positions ?? scale),
      );
    } else {
      const table = sinCosPositions({ grid, width, prefixTokens: 1, first: style.firstAxis });
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
  }

  /** The blocks' input [B, 1 + K, D], class token first. */
  embed(images: Tensor, { patchSize = this.spec.patchSize, keep }: SequencePlan = {}): Tensor {
    const pixels = keep ? patchifyKept(images, patchSize, keep) : patchify(images, patchSize);
    const patches = embedPatches(pixels, this.#kernelOf(patchSize), this.#bias);
    const [batch, , width] = patches.shape;
    const classTokens = this.#classToken.view(1, 1, width).expand(batch, 1, width).to(patches.dtype);
    const positions = this.#positionsOn(gridOf(images, patchSize));
    const sequence = ops
      .cat([classTokens, patches], 1)
      .add(keep ? keptPositions(positions.view(-1, width), keep) : positions);
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
    const key = `positions ${grid.rows} x ${grid.columns}`;
    if (positionEmbedding === 'learned') {
      const { positionResize: resize = 'antialiased' } = this.#style;
      const { device } = stored;
      return resizePositions(
        stored,
        this.constant(key, () => bicubicGridMatrix(base, grid, { resize, device })),
      );
    }
    const options = { grid, baseGrid: base, width, first: this.#style.firstAxis };
    return ops.cat([stored.narrow(0, 0, 1), this.constant(key, () => sinCosOnGrid(options, stored))], 0);
  }

  /**
   * Normalised [B, 3, H, W] -> [B, D]. The patch size must divide H and W. A plan shortens the sequence.
   * @equation FastCL 1.3: kept tokens keep their positions; the class token stays
   */
  forward(images: Tensor, plan: SequencePlan = {}): Tensor {
    let x = this.embed(images, plan);
    const scales = plan.pathScales?.unbind(0);
    this.#blocks.forEach((block, i) => {
      x = block.forward(x, scales?.[i]);
    });
    // The norm of the class token alone is cheaper than that of all.
    if (this.spec.pool === 'class') return this.#norm.forward(x.select(1, 0));
    const patches = x.shape[1] - 1;
    return this.#norm.forward(x.narrow(1, 1, patches)).mean(1);
  }
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
