import { CoupletError } from '../errors.ts';
import type { Tensor } from '../torch/index.ts';

/** How the image sequences of a step are shortened: what a schedule gives, plain data. */
export interface Compression {
  /** d: the share of patch tokens that is dropped, in [0, 1). */
  tokenDropout: number;
  /** q: the side of a patch in pixels. */
  patchSize: number;
}

/** What one forward pass of a ViT does to its sequence; without one it is whole. */
export interface SequencePlan {
  /** Side of the patches; the model's own by default. */
  patchSize?: number;
  /** int64 [B, K]: indices of the patches that stay, per sample. */
  keep?: Tensor;
  /** float32 [layers, 2, B]: what each block's attention and MLP are multiplied by (drop-path.ts). */
  pathScales?: Tensor;
}

/** What a compression is called in states, and where compressions are told apart. */
export const keyOf = ({ tokenDropout, patchSize }: Compression): string => `${tokenDropout} ${patchSize}`;

/** The sequence that a model with patches of this side makes. */
export function noCompression(patchSize: number): Compression {
  return { tokenDropout: 0, patchSize };
}

/** K = floor((1 - d) N): how many of N patch tokens stay (section 1.3; the class token comes on top). */
export function keptTokens(patches: number, tokenDropout: number): number {
  // (1 - 0.9) 100 in binary is just below 10.
  return Math.floor((1 - tokenDropout) * patches + 1e-9);
}

/** Patches of a square image of side `imageSize`, which the patch divides. */
export function patchCount(imageSize: number, patchSize: number): number {
  return (imageSize / patchSize) ** 2;
}

/** L = 1 + floor((1 - d) N): tokens of a sequence, the class token among them. */
export function sequenceLength(
  imageSize: number,
  { tokenDropout, patchSize }: { tokenDropout?: number; patchSize: number },
): number {
  return 1 + keptTokens(patchCount(imageSize, patchSize), tokenDropout ?? 0);
}

/** Sides of patches that divide an image into more than one. */
export function patchSizesThatFit(imageSize: number): number[] {
  const sides = Array.from({ length: Math.floor(imageSize / 2) }, (_, i) => i + 1);
  return sides.filter((side) => imageSize % side === 0);
}

/** What a compression is checked for. */
export interface CheckContext {
  imageSize: number;
  /** The model's own patch, from which on sides are proposed; 1 unless told. */
  own?: number;
  /** What errors call the two: the path before them, or each one's name; `compression` unless told. */
  name?: string | Record<keyof Compression, string>;
}

/** Throws a CoupletError for a patch that does not divide the image and for a dropout that leaves no token. */
export function checkCompression(
  { tokenDropout, patchSize }: Compression,
  { imageSize, own = 1, name = 'compression' }: CheckContext,
): void {
  const nameOf = (key: keyof Compression) => (typeof name === 'string' ? `${name}.${key}` : name[key]);
  if (!Number.isInteger(patchSize) || patchSize < 1 || imageSize % patchSize !== 0) {
    const sides = [own, ...patchSizesThatFit(imageSize).filter((side) => side > own)];
    throw new CoupletError(
      `${nameOf('patchSize')} is ${patchSize}, which does not divide images of ${imageSize} pixels: use one of ${sides.join(', ')}, or another imageSize.`,
    );
  }
  if (!(tokenDropout >= 0 && tokenDropout < 1))
    throw new CoupletError(
      `${nameOf('tokenDropout')} is ${tokenDropout}: expected the share of patches that is dropped, from 0 to below 1.`,
    );
  const patches = patchCount(imageSize, patchSize);
  if (keptTokens(patches, tokenDropout) >= 1) return;
  const most = Math.floor((1 - 1 / patches) * 1000) / 1000;
  throw new CoupletError(
    `${nameOf('tokenDropout')} is ${tokenDropout}, which leaves none of the ${patches} patches of ${patchSize} pixels in an image of ${imageSize}: use at most ${most}, or smaller patches.`,
  );
}
