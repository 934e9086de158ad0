import { arange, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { constant } from './color-steps.ts';

/** In standard deviations; less than 1e-4 of the Gaussian lies outside. */
const RADIUS_IN_SIGMAS = 4;

/** Pixels read on each side. Less than S, because a picture is mirrored only once. */
export function blurRadius(sigma: number, side: number): number {
  return Math.min(Math.ceil(RADIUS_IN_SIGMAS * sigma), side - 1);
}

/**
 * Gaussian blur, each sample with its own sigma: y = K x K^T, K [n, S, S] the banded matrix of the sampled, normalised Gaussian.
 * Mirrored without repeating the border pixel, as torchvision's gaussian_blur.
 *
 * The papers' code differs: Pillow's three box blurs, rounded to bytes, in MoCo v3 and DINO; a radius of 5 % of the side and black
 * padding in SimCLR.
 * @param images [n, 3, S, S], @param options.sigma [n, 1, 1, 1] in pixels, above 0, @param options.radius see blurRadius
 * @equation FastCL 7: blur: K x K^T, K a Gaussian up to 4 sigma, mirrored at the border
 */
export function blur(images: Tensor, { sigma, radius }: { sigma: Tensor; radius: number }): Tensor {
  return scope(() => {
    const [n, channels, side] = images.shape as [number, number, number, number];
    const matrix = ops
      .matmul(gaussian(sigma.view(n, 1), radius), mirrored(radius, side, images.device))
      .view(n, side, side);
    const rows = images.reshape(n, channels * side, side).matmul(matrix.transpose(1, 2));
    return matrix.unsqueeze(1).matmul(rows.view(n, channels, side, side));
  });
}

/**
 * Weights [n, 2 radius + 1]; rows sum to 1.
 * @equation FastCL 7: blur: K x K^T, K a Gaussian up to 4 sigma, mirrored at the border
 */
function gaussian(sigma: Tensor, radius: number): Tensor {
  const offsets = arange(-radius, radius + 1, { dtype: sigma.dtype, device: sigma.device });
  const weights = offsets.div(sigma).pow(2).mul(-0.5).exp();
  return weights.div(weights.sum(1, true));
}

/** [2 radius + 1, S S]: for offset o, the 0-1 matrix whose row i reads pixel i + o, mirrored at the border. */
function mirrored(radius: number, side: number, device: string): Tensor {
  return constant(`mirrored ${radius} ${side} ${device}`, () => {
    const pixels = arange(0, side, { device });
    const distance = arange(-radius, radius + 1, { device })
      .view(-1, 1, 1)
      .add(pixels.view(side, 1))
      .abs();
    const source = ops.rsub_Scalar(distance.sub(side - 1).abs(), side - 1); // [2 radius + 1, S, 1]
    return source
      .eq(pixels)
      .to('float32')
      .view(2 * radius + 1, side * side);
  });
}
