// Colour jitter, gray and solarizing on the device. n rows that a step changes, S side.
import { scope, type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { column } from './draws.ts';

const constants = new Map<string, Tensor>();

/** A tensor that depends on nothing but its key, made once for the life of the process and kept out of every scope. */
export function constant(key: string, make: () => Tensor): Tensor {
  const known = constants.get(key);
  if (known?.alive) return known;
  const fresh = make().persist();
  constants.set(key, fresh);
  return fresh;
}

/** ITU-R 601-2, rounded as torchvision has it. */
const LUMA_WEIGHTS = [0.2989, 0.587, 0.114];

/** Gray values [n, 1, S, S] of planes [n, 3, S, S]: one matrix product, a third of the memory traffic of products plane by plane. */
function luma(images: Tensor): Tensor {
  return scope(() => {
    const [n, channels, height, width] = images.shape as [number, number, number, number];
    const { device } = images;
    const weights = constant(`luma ${device}`, () => tensor(LUMA_WEIGHTS, [1, channels], { device }));
    return weights.matmul(images.reshape(n, channels, height * width)).view(n, 1, height, width);
  });
}

/**
 * Brightness, contrast, saturation and hue in an order of each sample's own, as torchvision's ColorJitter.
 *
 * Rows come sorted by the hue's turn. The other three make three rounds (`blend` picks what each sample does in a round), and hue,
 * the dear one, happens once: rows whose hue comes after round r run that round first, the others afterwards. Both are runs of
 * neighbouring rows, so all 24 orders cost three rounds and one hue of the whole batch.
 * @param images [n, 3, S, S], 0..255; changed in place
 * @param draws [n, COLUMNS, 1, 1], @param counts of rows whose hue has turn 0, 1, 2, 3
 * @returns the result, in the same memory or another
 */
export function colorJitter(images: Tensor, draws: Tensor, counts: readonly number[]): Tensor {
  const total = images.shape[0]!;
  /** How many rows have shifted their hue before round r. */
  const hueFirst = (round: number) => counts.slice(0, round + 1).reduce((sum, count) => sum + count, 0);
  return scope(() => {
    for (const round of [0, 1, 2]) blendRows({ images, draws }, round, [hueFirst(round), total]);
    const shifted = shiftHue(images, draws.narrow(1, column.hue, 1));
    for (const round of [0, 1, 2]) blendRows({ images: shifted, draws }, round, [0, hueFirst(round)]);
    return shifted;
  });
}

function blendRows(
  { images, draws }: { images: Tensor; draws: Tensor },
  round: number,
  [start, end]: readonly [number, number],
): void {
  if (start === end) return;
  const parameters = draws.narrow(1, column.rounds + 3 * round, 3).narrow(0, start, end - start);
  blend(images.narrow(0, start, end - start), parameters);
}

/**
 * One round of brightness, contrast or saturation, each sample its own, in place: x <- clamp(x + amount (target - x), 0, 255).
 * With amount = 1 - factor that is torchvision's blend of the picture with black (brightness), with the mean of its gray values
 * (contrast) or with its gray values (saturation); the two weights choose the target, so that no sample needs a branch.
 * @param images [n, 3, S, S], 0..255, @param round [n, 3, 1, 1]: amount, weight of gray, weight of the mean
 */
function blend(images: Tensor, round: Tensor): void {
  scope(() => {
    const [amount, towardsGray, towardsMean] = [0, 1, 2].map((k) => round.narrow(1, k, 1)) as Columns;
    const gray = luma(images);
    const target = ops.addcmul(gray.mean([1, 2, 3], true).mul(towardsMean), gray, towardsGray);
    ops.lerp__Tensor(images, target, amount);
    images.clamp_(0, 255);
  });
}

type Columns = [amount: Tensor, towardsGray: Tensor, towardsMean: Tensor];

/** Less than any chroma that a float picture on the scale of bytes can have, apart from 0. */
const TINY = 1e-12;

/**
 * Turns the hue in HSV, value and saturation kept: torchvision's adjust_hue, with the way back in one formula for all channels,
 * V - C clamp(min(k, 4 - k), 0, 1) with k = (h + 5, 3, 1) mod 6 (h in sixths of a turn, V the largest channel, C = V - the least).
 * @param images [n, 3, S, S], @param shift [n, 1, 1, 1] in sixths of a turn
 */
function shiftHue(images: Tensor, shift: Tensor): Tensor {
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

/** [n, 3, S, S] -> the gray values in all three channels, a view of one plane. */
export function grayscale(images: Tensor): Tensor {
  return scope(() => luma(images).expand(...images.shape));
}

/** Where Pillow and torchvision begin to invert, on the scale of bytes. */
const THRESHOLD = 128;

/** Inverts the bright values: x -> 255 - x where x >= 128. Any shape. */
export function solarize(images: Tensor): Tensor {
  return scope(() => ops.where_self(ops.ge_Scalar(images, THRESHOLD), ops.rsub_Scalar(images, 255), images));
}
