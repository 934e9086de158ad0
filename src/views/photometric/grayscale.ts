import { scope, type Tensor } from '../../torch/index.ts';
import { luma } from './luma.ts';

/** [n, 3, S, S] -> the gray values in all three channels, a view of one plane. */
export function grayscale(images: Tensor): Tensor {
  return scope(() => luma(images).expand(...images.shape));
}
