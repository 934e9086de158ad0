import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Cuts images [B, 3, H, W] into patches [B, N, 3 p p], row by row, each flattened as a convolution's kernel is. */
export function patchify(images: Tensor, patchSize: number): Tensor {
  const [batch, channels, height, width] = images.shape;
  const rows = height / patchSize;
  const columns = width / patchSize;
  return images
    .reshape(batch, channels, rows, patchSize, columns, patchSize)
    .permute(0, 2, 4, 1, 3, 5)
    .reshape(batch, rows * columns, channels * patchSize * patchSize);
}

/** A convolution whose stride is its kernel's side, as one matrix product: images [B, 3, H, W], kernel [D, 3, p, p] -> [B, N, D]. */
export function patchEmbed(images: Tensor, kernel: Tensor, bias: Tensor | null): Tensor {
  const [width, channels, patchSize] = kernel.shape;
  return ops.linear(patchify(images, patchSize), kernel.view(width, channels * patchSize * patchSize), bias);
}
