// From typed arrays to tensors on the device. B batch, S side, L tokens.
import type { HostView } from '../data/index.ts';
import type { Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';

/** How many columns of [B, L] tokens hold anything: texts end before that, and their end token is never 0. */
function usedColumns(tokens: Int32Array, length: number): number {
  for (let column = length - 1; column >= 0; column--) {
    for (let at = column; at < tokens.length; at += length) if (tokens[at] !== 0) return column + 1;
  }
  return 0;
}

/** [B, L] tokens as a tensor, without the columns after the longest text: attention is causal, so they change nothing. */
export function tokensToDevice(tokens: Int32Array, rows: number, device: string): Tensor {
  const length = tokens.length / rows;
  return upload(tokens, [rows, length], device).narrow(1, 0, Math.max(1, usedColumns(tokens, length)));
}

/** One view, [B, S, S, 3] bytes; on the CPU the batch must not be released before the step is over. */
export function viewToDevice({ images, side }: HostView, device: string): Tensor {
  return upload(images, [images.length / (side * side * 3), side, side, 3], device);
}

/** The first view of a batch. */
export function imagesToDevice({ views }: { views: readonly HostView[] }, device: string): Tensor {
  return viewToDevice(views[0], device);
}
