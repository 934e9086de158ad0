import { scope, type Tensor, tensor } from '../../torch/index.ts';
import { constant } from './constants.ts';

/** ITU-R 601-2, rounded as torchvision has it. */
const WEIGHTS = [0.2989, 0.587, 0.114];

/** Gray values [n, 1, S, S] of planes [n, 3, S, S]: one matrix product, a third of the memory traffic of products plane by plane. */
export function luma(images: Tensor): Tensor {
  return scope(() => {
    const [n, channels, height, width] = images.shape as [number, number, number, number];
    const { device } = images;
    const weights = constant(`luma ${device}`, () => tensor(WEIGHTS, [1, channels], { device }));
    return weights.matmul(images.reshape(n, channels, height * width)).view(n, 1, height, width);
  });
}
