// n: changed rows. S: side in pixels.
import { scope, type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { column } from './draws.ts';

const constants = new Map<string, Tensor>();

/** Makes a tensor once per process and key; no scope frees it. */
export function constant(key: string, make: () => Tensor): Tensor {
  const known = constants.get(key);
  if (known?.alive) return known;
  const fresh = make().persist();
  constants.set(key, fresh);
  return fresh;
}

/** ITU-R 601-2, rounded as in torchvision. */
const LUMA_WEIGHTS = [0.2989, 0.587, 0.114];

/**
 * [n, 3, S, S] -> [n, 1, S, S]. One product moves a third of the memory of three.
 * @equation FastCL 7: brightness, contrast, saturation: x <- clamp(x + (1 - f) (target - x)); targets are black, mean grey, grey
 */
function luma(images: Tensor): Tensor {
  return scope(() => {
    const [n, channels, height, width] = images.shape as [number, number, number, number];
    const { device } = images;
    const weights = constant(`luma ${device}`, () => tensor(LUMA_WEIGHTS, [1, channels], { device }));
    return weights.matmul(images.reshape(n, channels, height * width)).view(n, 1, height, width);
  });
}

/**
 * Brightness, contrast, saturation and hue, each sample in its own order: torchvision's ColorJitter.
 *
 * Hue costs most and runs once. Rows are sorted by its turn: each round runs before it on the rows whose hue comes later, and after it
 * on the rest.
 * @param images [n, 3, S, S], 0..255; changed in place
 * @param draws [n, COLUMNS, 1, 1], @param counts rows whose hue has turn 0, 1, 2, 3
 * @returns the result, perhaps in other memory
 */
export function colorJitter(images: Tensor, draws: Tensor, counts: readonly number[]): Tensor {
  const total = images.shape[0]!;
  const rowsWithHueBefore = (round: number) =>
    counts.slice(0, round + 1).reduce((sum, count) => sum + count, 0);
  return scope(() => {
    for (const round of [0, 1, 2]) blendRows({ images, draws }, round, [rowsWithHueBefore(round), total]);
    const shifted = shiftHue(images, draws.narrow(1, column.hue, 1));
    for (const round of [0, 1, 2])
      blendRows({ images: shifted, draws }, round, [0, rowsWithHueBefore(round)]);
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
  /** @equation FastCL 7: brightness, contrast, saturation: x <- clamp(x + (1 - f) (target - x)); targets are black, mean grey, grey */
  blend(images.narrow(0, start, end - start), parameters);
}

/**
 * One round of brightness, contrast or saturation, in place: x <- clamp(x + amount (target - x), 0, 255). With amount = 1 - factor
 * this is torchvision's blend with black (brightness), the mean gray value (contrast) or the gray values (saturation).
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

/** Less than any nonzero chroma of floats in 0..255. */
const MIN_CHROMA = 1e-12;

/**
 * Turns the hue in HSV: torchvision's adjust_hue. Channels are V - C clamp(min(k, 4 - k), 0, 1) with
 * k = (h + 5, 3, 1) mod 6; h in sixths of a turn, V the largest channel, C = V - the smallest.
 * @param images [n, 3, S, S], @param shift [n, 1, 1, 1] in sixths of a turn
 * @equation FastCL 7: hue: h <- h + shift in HSV; a channel is V - C clamp(min(k, 4 - k), 0, 1), k = (h + n) mod 6, n = 5, 3, 1
 */
function shiftHue(images: Tensor, shift: Tensor): Tensor {
  return scope(() => {
    const value = ops.amax(images, 1, true); // [n, 1, S, S]
    const smallest = ops.amin(images, 1, true);
    const chroma = value.sub(smallest);
    const angle = hueOf(images, { value, chroma }).add_(shift);
    // clamp(|k - 2|, 1, 2) = 2 - clamp(min(k, 4 - k), 0, 1)
    const { device } = images;
    const offsets = constant(`hue ${device}`, () => tensor([5, 3, 1], [3, 1, 1], { device }));
    const distance = ops.remainder__Scalar(angle.add(offsets), 6).add_(-2);
    ops.abs_(distance).clamp_(1, 2);
    return ops.addcmul(smallest.sub(chroma), distance, chroma);
  });
}

/**
 * h in [-1, 5) sixths of a turn; 0 for grays.
 * @equation FastCL 7: hue: h <- h + shift in HSV; a channel is V - C clamp(min(k, 4 - k), 0, 1), k = (h + n) mod 6, n = 5, 3, 1
 */
function hueOf(images: Tensor, { value, chroma }: { value: Tensor; chroma: Tensor }): Tensor {
  const [red, green, blue] = [0, 1, 2].map((channel) => images.narrow(1, channel, 1)) as Planes;
  const hueIfGreen = blue.sub(red).add_(chroma, 2);
  const hueIfBlue = red.sub(green).add_(chroma, 4);
  const hueUnlessRed = ops.where_self(green.eq(value), hueIfGreen, hueIfBlue);
  const sixths = ops.where_self(red.eq(value), green.sub(blue), hueUnlessRed);
  return ops.div__Tensor(sixths, chroma.clamp(MIN_CHROMA, null));
}

type Planes = [red: Tensor, green: Tensor, blue: Tensor];

/**
 * [n, 3, S, S]; the result is a view of one plane.
 * @equation FastCL 7: grey in all channels; solarize: 255 - x where x >= 128
 */
export function grayscale(images: Tensor): Tensor {
  return scope(() => luma(images).expand(...images.shape));
}

/** As in Pillow and torchvision. */
const SOLARIZE_FROM = 128;

/**
 * x -> 255 - x where x >= 128. Any shape.
 * @equation FastCL 7: grey in all channels; solarize: 255 - x where x >= 128
 */
export function solarize(images: Tensor): Tensor {
  return scope(() =>
    ops.where_self(ops.ge_Scalar(images, SOLARIZE_FROM), ops.rsub_Scalar(images, 255), images),
  );
}
