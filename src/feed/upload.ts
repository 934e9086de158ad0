// From typed arrays to tensors on the device. B batch, S side, L tokens.
import type { HostView } from '../data/index.ts';
import type { Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';

/** Columns of [B, L] tokens before those that are 0 in each row. */
function usedColumns(tokens: Int32Array, length: number): number {
  for (let column = length - 1; column >= 0; column--) {
    for (let index = column; index < tokens.length; index += length)
      if (tokens[index] !== 0) return column + 1;
  }
  return 0;
}

/** [B, L] tokens without the columns of zeros after the longest text. A text tower puts them back where they count. */
export function tokensToDevice(tokens: Int32Array, rows: number, device: string): Tensor {
  const length = tokens.length / rows;
  return upload(tokens, [rows, length], device).narrow(1, 0, Math.max(1, usedColumns(tokens, length)));
}

/** One view as bytes [B, S, S, 3]. On the CPU it shares the batch's memory: release the batch after the step. */
export function viewToDevice({ images, side }: HostView, device: string): Tensor {
  return upload(images, [images.length / (side * side * 3), side, side, 3], device);
}

/** The first view of a batch. */
export function imagesToDevice({ views }: { views: readonly HostView[] }, device: string): Tensor {
  return viewToDevice(views[0], device);
}
