import { arange, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { constant } from './color-steps.ts';

/** Where the Gaussian is cut, in standard deviations: outside lies less than 1e-4 of it. */
const CUT = 4;

/** Pixels on each side of the middle that a blur reads; a picture is mirrored once at most, so never S or more. */
export function blurRadius(sigma: number, side: number): number {
  return Math.min(Math.ceil(CUT * sigma), side - 1);
}

/**
 * Gaussian blur, each sample with its own sigma: y = K x K^T with K [n, S, S] the banded matrix of the sampled, normalised
 * Gaussian, mirrored at the border (without repeating the border pixel), as torchvision's gaussian_blur at this radius.
 *
 * The papers' code differs, and this does not follow it: MoCo v3 and DINO call Pillow, which approximates the Gaussian by three
 * box blurs, repeats the border pixel and rounds to bytes; SimCLR cuts at a radius of 5 % of the side and pads with black.
 * @param images [n, 3, S, S], @param options.sigma [n, 1, 1, 1] in pixels, above 0, @param options.radius see blurRadius
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

/** The weights [n, 2 radius + 1] of each sample; they sum to 1. */
function gaussian(sigma: Tensor, radius: number): Tensor {
  const offsets = arange(-radius, radius + 1, { dtype: sigma.dtype, device: sigma.device });
  const weights = offsets.div(sigma).pow(2).mul(-0.5).exp();
  return weights.div(weights.sum(1, true));
}

/** [2 radius + 1, S S]: for each offset o the 0-1 matrix whose row i reads pixel i + o, or its mirror image. */
function mirrored(radius: number, side: number, device: string): Tensor {
  return constant(`mirrored ${radius} ${side} ${device}`, () => {
    const pixels = arange(0, side, { device });
    const wanted = arange(-radius, radius + 1, { device })
      .view(-1, 1, 1)
      .add(pixels.view(side, 1))
      .abs();
    const read = ops.rsub_Scalar(wanted.sub(side - 1).abs(), side - 1); // [2 radius + 1, S, 1]
    return read
      .eq(pixels)
      .to('float32')
      .view(2 * radius + 1, side * side);
  });
}
