// From the loader's typed arrays to tensors on the device. B batch, S side, L tokens.
import type { Batch as HostBatch } from './data/index.ts';
import type { Batch } from './methods/index.ts';
import { borrow, type Tensor, tensor } from './torch/index.ts';

/** How many columns of [B, L] tokens hold anything: texts end before that, and their end token is never 0. */
export function usedColumns(tokens: Int32Array, length: number): number {
  for (let column = length - 1; column >= 0; column--) {
    for (let at = column; at < tokens.length; at += length) if (tokens[at] !== 0) return column + 1;
  }
  return 0;
}

/** [B, L] tokens as a tensor, without the columns after the longest text: attention is causal, so they change nothing. */
export function tokensToDevice(tokens: Int32Array, rows: number, device: string): Tensor {
  const length = tokens.length / rows;
  return tensor(tokens, [rows, length], { device }).narrow(1, 0, Math.max(1, usedColumns(tokens, length)));
}

/**
 * Bytes of pictures as a tensor. On the CPU they are read where the loader wrote them, so the batch must not be released
 * before the step is over; for CUDA they go through page-locked memory, so that the copy does not wait for the device.
 */
export function imagesToDevice(
  { images, views, size, imageSize }: Pick<HostBatch, 'images' | 'views' | 'size' | 'imageSize'>,
  device: string,
): Tensor {
  const bytes = borrow(images, [views * size, imageSize, imageSize, 3]);
  return device === 'cpu' ? bytes : bytes.pinMemory().toDevice(device, true);
}

/** @param rows where this rank's rows are in the global batch */
export function toDevice(batch: HostBatch, device: string, rows: Batch['rows']): Batch {
  const images = imagesToDevice(batch, device);
  return {
    views: Array.from({ length: batch.views }, (_, view) => images.narrow(0, view * batch.size, batch.size)),
    tokens: batch.tokens
      ? tokensToDevice(batch.tokens, batch.size, device)
      : tensor(new Int32Array(0), [batch.size, 0], { device }),
    ids: tensor(batch.ids, [batch.size], { device }),
    rows,
  };
}
