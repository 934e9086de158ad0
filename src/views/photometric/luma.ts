import type { Tensor } from '../../torch/index.ts';

/** ITU-R 601-2, rounded as torchvision has it. */
const [RED, GREEN, BLUE] = [0.2989, 0.587, 0.114] as const;

/**
 * Gray values [n, 1, S, S] of planes [n, 3, S, S]. Elementwise, not as a matrix product, so that a lower precision of
 * products (TF32, autocast) does not reach the pixels.
 */
export function luma(images: Tensor): Tensor {
  const [red, green, blue] = [0, 1, 2].map((channel) => images.narrow(1, channel, 1)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  return red.mul(RED).add_(green.mul(GREEN)).add_(blue.mul(BLUE));
}
