import { arange, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Counts of patches. */
export interface Grid {
  rows: number;
  columns: number;
}

/** Images [B, 3, H, W]. Throws a RangeError unless the patch size divides both sides. */
export function gridOf(images: Tensor, patchSize: number): Grid {
  const [, , height, width] = images.shape;
  if (height % patchSize !== 0 || width % patchSize !== 0)
    throw new RangeError(
      `images of ${height} x ${width} pixels cannot be cut into patches of ${patchSize}: use a patch size that divides both sides`,
    );
  return { rows: height / patchSize, columns: width / patchSize };
}

/** Images [B, 3, H, W] -> patches [B, N, 3 p p], row-major. */
export function patchify(images: Tensor, patchSize: number): Tensor {
  const [batch, channels] = images.shape;
  const { rows, columns } = gridOf(images, patchSize);
  return images
    .reshape(batch, channels, rows, patchSize, columns, patchSize)
    .permute(0, 2, 4, 1, 3, 5)
    .reshape(batch, rows * columns, channels * patchSize * patchSize);
}

/** The patches at `keep`, int64 [B, K], -> [B, K, 3 p p]. Other pixels are never copied. */
export function patchifyKept(images: Tensor, patchSize: number, keep: Tensor): Tensor {
  const [batch, channels] = images.shape;
  const { rows, columns } = gridOf(images, patchSize);
  const cut = images.reshape(batch, channels, rows, patchSize, columns, patchSize).permute(0, 2, 4, 1, 3, 5);
  const sample = arange(0, batch, { device: images.device }).unsqueeze(1);
  const row = ops.div_Scalar_mode(keep, columns, 'floor');
  const column = ops.remainder_Scalar(keep, columns);
  return ops
    .index_Tensor(cut, [sample, row, column])
    .reshape(batch, keep.shape[1], channels * patchSize * patchSize);
}

/** Patches [B, N, 3 p p], kernel [D, 3, p, p] -> [B, N, D]. */
export function embedPatches(patches: Tensor, kernel: Tensor, bias: Tensor | null): Tensor {
  const [width, channels, patchSize] = kernel.shape;
  return ops.linear(patches, kernel.view(width, channels * patchSize * patchSize), bias);
}
