import { scope, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

/** Where Pillow and torchvision begin to invert, on the scale of bytes. */
const THRESHOLD = 128;

/** Inverts the bright values: x -> 255 - x where x >= 128. Any shape. */
export function solarize(images: Tensor): Tensor {
  return scope(() => ops.where_self(ops.ge_Scalar(images, THRESHOLD), ops.rsub_Scalar(images, 255), images));
}
