import { Draws, hash32, purpose } from '../random.ts';

/** A rectangle of an image in pixels; x to the right, y down. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

/** Which part of the picture is seen, and how it is brought to S x S pixels. */
export type Transform =
  | {
      type: 'random-resized-crop';
      /** Share of the picture's area, [least, most]. */
      scale: readonly [number, number];
      /** Width over height, [least, most]; drawn uniformly in the logarithm. */
      ratio: readonly [number, number];
      /** Probability of a mirror image, left to right. */
      flip: number;
      interpolation: Interpolation;
    }
  /** Resize the shortest side to S, then cut out the middle, as open_clip's evaluation does. */
  | { type: 'center-crop'; interpolation: Interpolation }
  /** The whole picture in the upper left of an S x S canvas, shrunk when its longer side is more than S. */
  | { type: 'whole'; interpolation: Interpolation };

export type Interpolation = 'bicubic' | 'bilinear';

/**
 * torchvision's RandomResizedCrop: ten tries at a box of random area and aspect, then the largest central box within the ratio limits.
 * @param scale share of the area, @param ratio width / height
 */
export function randomResizedCrop(
  image: Size,
  limits: { scale: readonly [number, number]; ratio: readonly [number, number] },
  draws: Draws,
): Box {
  const { width, height } = image;
  const logRatio = [Math.log(limits.ratio[0]), Math.log(limits.ratio[1])] as const;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * draws.between(limits.scale[0], limits.scale[1]);
    const aspect = Math.exp(draws.between(logRatio[0], logRatio[1]));
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { x: draws.below(width - w + 1), y: draws.below(height - h + 1), width: w, height: h };
  }
  return centralBox(image, limits.ratio);
}

/** What a random view depends on, and nothing else does. */
export interface ViewKey {
  seed: number;
  epoch: number;
  id: number;
  view: number;
}

/** The random crop of a view, the same wherever it is cut: in a worker, or on the device. */
export function drawCrop(
  image: Size,
  limits: { scale: readonly [number, number]; ratio: readonly [number, number]; flip: number },
  { seed, epoch, id, view }: ViewKey,
): { box: Box; flip: boolean } {
  const box = randomResizedCrop(image, limits, new Draws(seed, epoch, id, view, purpose.crop));
  if (limits.flip === 0) return { box, flip: false };
  const hash = hash32([seed, epoch, id, view, purpose.flip]);
  // The lowest bit leads: with a probability of one half it alone decides, as before there were other probabilities.
  const unit = ((hash >>> 1) + (hash & 1) * 2 ** 31) / 2 ** 32;
  return { box, flip: unit >= 1 - limits.flip };
}

/** The largest box in the middle whose aspect is within the limits: torchvision's fallback. */
function centralBox({ width, height }: Size, ratio: readonly [number, number]): Box {
  const aspect = width / height;
  let w = width;
  let h = height;
  if (aspect < ratio[0]) h = Math.max(1, Math.round(width / ratio[0]));
  else if (aspect > ratio[1]) w = Math.max(1, Math.round(height * ratio[1]));
  return { x: Math.floor((width - w) / 2), y: Math.floor((height - h) / 2), width: w, height: h };
}

/**
 * torchvision's Resize(shortest side = side) and CenterCrop(side).
 * @returns the size of the resized picture, and the window of it that is kept
 */
export function centerCrop(image: Size, side: number): { resized: Size; window: Box } {
  const short = Math.min(image.width, image.height);
  const resized = {
    width: Math.max(side, Math.floor((side * image.width) / short)),
    height: Math.max(side, Math.floor((side * image.height) / short)),
  };
  const x = roundHalfEven((resized.width - side) / 2);
  const y = roundHalfEven((resized.height - side) / 2);
  return { resized, window: { x, y, width: side, height: side } };
}

/** The size that a picture has within a square of side `side`: its own, or shrunk so that the longer side fits. */
export function fitWithin({ width, height }: Size, side: number): Size {
  const longer = Math.max(width, height);
  if (longer <= side) return { width, height };
  const shrunk = (length: number) => Math.max(1, Math.round((length * side) / longer));
  return { width: shrunk(width), height: shrunk(height) };
}

/** Python's round, which torchvision uses: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
