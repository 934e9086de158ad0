import { Draws, hash32, purpose } from '../random.ts';

/** In pixels; y down. */
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

/** How a picture becomes S x S pixels. */
export type Transform =
  | {
      type: 'random-resized-crop';
      /** Share of the area, [min, max]. */
      scale: readonly [number, number];
      /** Width / height, [min, max]; uniform in the logarithm. */
      ratio: readonly [number, number];
      /** Probability of mirroring left to right. */
      flip: number;
      interpolation: Interpolation;
    }
  /** Shorter side to S, then the middle, as open_clip's evaluation. */
  | { type: 'center-crop'; interpolation: Interpolation }
  /** Upper left of an S x S canvas; shrunk if larger. */
  | { type: 'whole'; interpolation: Interpolation };

export type Interpolation = 'bicubic' | 'bilinear';

/**
 * torchvision's RandomResizedCrop: ten tries at a random box, then the largest central one within the ratio limits.
 * @param limits.scale share of the area, @param limits.ratio width / height
 * @equation FastCL 7.1: crops: area uniform in its limits, aspect ratio uniform in its logarithm, ten tries
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

/** All that a random view depends on. */
export interface ViewKey {
  seed: number;
  epoch: number;
  id: number;
  view: number;
}

/**
 * The same draw for a worker and for the device.
 * @equation FastCL 7.1: crops: area uniform in its limits, aspect ratio uniform in its logarithm, ten tries
 */
export function drawCrop(
  image: Size,
  limits: { scale: readonly [number, number]; ratio: readonly [number, number]; flip: number },
  { seed, epoch, id, view }: ViewKey,
): { box: Box; flip: boolean } {
  const box = randomResizedCrop(image, limits, new Draws(seed, epoch, id, view, purpose.crop));
  if (limits.flip === 0) return { box, flip: false };
  const hash = hash32([seed, epoch, id, view, purpose.flip]);
  // The lowest bit leads, so that it alone decides at probability 0.5.
  const unit = ((hash >>> 1) + (hash & 1) * 2 ** 31) / 2 ** 32;
  return { box, flip: unit >= 1 - limits.flip };
}

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
 * @returns the resized picture's size, and the window in it
 */
export function centerCrop(image: Size, side: number): { resized: Size; window: Box } {
  const shorter = Math.min(image.width, image.height);
  const resized = {
    width: Math.max(side, Math.floor((side * image.width) / shorter)),
    height: Math.max(side, Math.floor((side * image.height) / shorter)),
  };
  const x = roundHalfEven((resized.width - side) / 2);
  const y = roundHalfEven((resized.height - side) / 2);
  return { resized, window: { x, y, width: side, height: side } };
}

/** Shrinks so that the longer side is at most `side`. */
export function fitWithin({ width, height }: Size, side: number): Size {
  const longer = Math.max(width, height);
  if (longer <= side) return { width, height };
  const shrunk = (length: number) => Math.max(1, Math.round((length * side) / longer));
  return { width: shrunk(width), height: shrunk(height) };
}

/** Python's round, as in torchvision. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
