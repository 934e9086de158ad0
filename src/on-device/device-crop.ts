// B samples, H x W canvases, V views of S x S pixels.
import type { Interpolation } from '../data/pictures/crop.ts';
import { arange, full, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { constant } from '../views/color-steps.ts';
import { AXIS_ROWS } from './crop-axes.ts';

/** libtorch's MemoryFormat::Contiguous. */
const CONTIGUOUS = 0;

export interface CropSize {
  /** S, in pixels. */
  size: number;
  interpolation: Interpolation;
}

/**
 * Cuts V boxes out of each picture and resizes them like data/pictures/resample.ts: out = Wy image Wx^T per channel, Wx and Wy
 * banded. Bytes differ from it by one at most, where float32 and fixed point round apart.
 *
 * Cost: about 30 launches, and for each view 6 B (H W S + H S S) floating-point operations and 15 passes over 2 B S W float32 weights.
 * Call it outside autocast() and with 'exact' matrix products (device.ts).
 * @param lines float32 [B, H, 3, W], of linesOf()
 * @param axes float32 [10 B V], CropAxes of B V rows: the views of a sample side by side
 * @returns uint8 [V, B, S, S, 3]
 * @equation FastCL 7: resize of a crop: out = W_y image W_x^T; the filter is wider when it shrinks
 */
export function cropByAxes(lines: Tensor, axes: Tensor, { size, interpolation }: CropSize): Tensor {
  const [batch, height, , width] = lines.shape as [number, number, number, number];
  const length = Math.max(height, width);
  const crops = axes.size / (2 * AXIS_ROWS); // B V
  const views = crops / batch;
  return noGrad(() =>
    scope(() => {
      const weights = axisWeights(axes, { size, interpolation, length });
      // Columns of all views in one product.
      const columns = weights
        .narrow(0, 0, crops)
        .narrow(2, 0, width)
        .view(batch, views * size, width);
      const rows = weights.narrow(0, crops, crops).narrow(2, 0, height);
      const narrowed = toBytes(lines.view(batch, height * 3, width), columns.transpose(1, 2)); // [B, 3 H, V S]
      const narrowedByView = narrowed.view(batch, height, 3, views, size).permute(0, 3, 1, 2, 4);
      const square = toBytes(rows, narrowedByView.reshape(crops, height, 3 * size)); // [B V, S, 3 S]
      const pixels = square.view(batch, views, size, 3, size).permute(1, 0, 2, 4, 3);
      return ops._to_copy(pixels, 'uint8', null, null, null, false, CONTIGUOUS);
    }),
  );
}

/**
 * In this layout both products of a crop need no transposed copy.
 * @param pictures uint8 [B, H, W, 3]
 * @returns float32 [B, H, 3, W]
 */
export function linesOf(pictures: Tensor): Tensor {
  return ops._to_copy(pictures.permute(0, 1, 3, 2), 'float32', null, null, null, false, CONTIGUOUS);
}

/** As in resample.ts, so that sums halfway between two bytes, frequent in small pictures, round alike. */
const WEIGHT_STEP = 2 ** -22;

/** WEIGHT_STEP a b, [B, N, K] x [B, K, M] -> [B, N, M], as bytes; halves go up, as in fixed point. */
function toBytes(a: Tensor, b: Tensor): Tensor {
  const half = constant(`half ${a.device}`, () => full([1, 1, 1], 0.5, { device: a.device }));
  return ops.floor_(ops.baddbmm(half, a, b, 1, WEIGHT_STEP)).clamp_(0, 255);
}

/**
 * Weight of each input pixel in each output, in WEIGHT_STEPs; rows sum to 1.
 * @param axes float32 [5 R] for R axes
 * @param options.length input pixels
 * @returns float32 [R, S, length]
 */
function axisWeights(axes: Tensor, options: CropSize & { length: number }): Tensor {
  const { size, interpolation, length } = options;
  const { device } = axes;
  return scope(() => {
    const float = { dtype: 'float32', device } as const;
    const [start, step, sharpness, low, high] = axes.view(AXIS_ROWS, -1, 1, 1).unbind(0) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const outputs = arange(0, size, float).add_(0.5).view(1, size, 1);
    const inputs = arange(0, length, float).view(1, 1, length);
    const centers = ops.addcmul(start, step, outputs); // [R, S, 1]
    const distance = ops.abs_(inputs.sub(centers).mul_(sharpness));
    const weights = interpolation === 'bicubic' ? cubic(distance) : ops.relu_(ops.rsub_Scalar(distance, 1));
    const inside = ops.logical_and(ops.ge_Tensor(inputs, low), ops.gt_Tensor(high, inputs)); // [R, 1, length]
    weights.mul_(inside);
    ops.div__Tensor(weights, weights.sum(2, true).mul_(WEIGHT_STEP));
    return ops.floor_(weights.add_(0.5));
  });
}

/**
 * Twice Keys' cubic with a = -1/2, for distances x >= 0: rows are normalised later. With u = max(0, 2 - x) and v = max(0, 1 - x), it is
 * u u (u - 1) + v v (2 - 4 v).
 */
function cubic(distance: Tensor): Tensor {
  const u = ops.relu_(ops.rsub_Scalar(distance, 2));
  const uMinusOne = u.sub(1);
  const outer = u.mul(u).mul_(uMinusOne);
  const v = ops.relu_(uMinusOne);
  return ops.addcmul_(outer, v.mul(v), v.mul(-4).add_(2));
}
