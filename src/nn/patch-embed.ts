import { arange, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Rows and columns of patches. */
export interface Grid {
  rows: number;
  columns: number;
}

/** The patches of images [B, 3, H, W]. Throws a RangeError when they do not cover them. */
export function gridOf(images: Tensor, patchSize: number): Grid {
  const [, , height, width] = images.shape;
  if (height % patchSize !== 0 || width % patchSize !== 0)
    throw new RangeError(
      `images of ${height} x ${width} pixels cannot be cut into patches of ${patchSize}: use a patch size that divides both sides`,
    );
  return { rows: height / patchSize, columns: width / patchSize };
}

/** Cuts images [B, 3, H, W] into patches [B, N, 3 p p], row by row, each flattened as a convolution's kernel is. */
export function patchify(images: Tensor, patchSize: number): Tensor {
  const [batch, channels] = images.shape;
  const { rows, columns } = gridOf(images, patchSize);
  return images
    .reshape(batch, channels, rows, patchSize, columns, patchSize)
    .permute(0, 2, 4, 1, 3, 5)
    .reshape(batch, rows * columns, channels * patchSize * patchSize);
}

/** The patches at `keep` (int64 [B, K]) alone, [B, K, 3 p p]: the pixels of the others are never copied. */
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

/** Patches [B, N, 3 p p] through a convolution's kernel [D, 3, p, p], as one matrix product: [B, N, D]. */
export function embedPatches(patches: Tensor, kernel: Tensor, bias: Tensor | null): Tensor {
  const [width, channels, patchSize] = kernel.shape;
  return ops.linear(patches, kernel.view(width, channels * patchSize * patchSize), bias);
}

/** A convolution whose stride is its kernel's side: images [B, 3, H, W], kernel [D, 3, p, p] -> [B, N, D]. */
export function patchEmbed(images: Tensor, kernel: Tensor, bias: Tensor | null): Tensor {
  return embedPatches(patchify(images, kernel.shape[2]), kernel, bias);
}
