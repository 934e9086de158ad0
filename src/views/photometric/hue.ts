import { scope, type Tensor, tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { constant } from './constants.ts';

/** Less than any chroma that a float picture on the scale of bytes can have, apart from 0. */
const TINY = 1e-12;

/**
 * Turns the hue in HSV, value and saturation kept: torchvision's adjust_hue, with the way back in one formula for all channels,
 * V - C clamp(min(k, 4 - k), 0, 1) with k = (h + 5, 3, 1) mod 6 (h in sixths of a turn, V the largest channel, C = V - the least).
 * @param images [n, 3, S, S], @param shift [n, 1, 1, 1] in sixths of a turn
 */
export function shiftHue(images: Tensor, shift: Tensor): Tensor {
  return scope(() => {
    const value = ops.amax(images, 1, true); // [n, 1, S, S], as all below but the last
    const least = ops.amin(images, 1, true);
    const chroma = value.sub(least);
    const angle = hueOf(images, { value, chroma }).add_(shift);
    // |k - 2| in [1, 2] is 2 - clamp(min(k, 4 - k), 0, 1)
    const { device } = images;
    const offsets = constant(`hue ${device}`, () => tensor([5, 3, 1], [3, 1, 1], { device }));
    const distance = ops.remainder__Scalar(angle.add(offsets), 6).add_(-2);
    ops.abs_(distance).clamp_(1, 2);
    return ops.addcmul(least.sub(chroma), distance, chroma);
  });
}

/** h in [-1, 5) sixths of a turn; 0 for grays. Where two channels tie for the largest, both branches say the same. */
function hueOf(images: Tensor, { value, chroma }: { value: Tensor; chroma: Tensor }): Tensor {
  const [red, green, blue] = [0, 1, 2].map((channel) => images.narrow(1, channel, 1)) as Planes;
  const ofGreen = blue.sub(red).add_(chroma, 2);
  const ofBlue = red.sub(green).add_(chroma, 4);
  const rest = ops.where_self(green.eq(value), ofGreen, ofBlue);
  const sixths = ops.where_self(red.eq(value), green.sub(blue), rest);
  return ops.div__Tensor(sixths, chroma.clamp(TINY, null));
}

type Planes = [red: Tensor, green: Tensor, blue: Tensor];
