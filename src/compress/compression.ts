import { CoupletError } from '../errors.ts';
import type { Tensor } from '../torch/index.ts';

export interface Compression {
  /** d: dropped share of patch tokens, in [0, 1). */
  tokenDropout: number;
  /** q: side of a patch in pixels. */
  patchSize: number;
}

/** How one forward pass of a ViT shortens its sequence. */
export interface SequencePlan {
  /** Default: the model's own. */
  patchSize?: number;
  /** int64 [B, K]: patches that stay; default all. */
  keep?: Tensor;
  /** float32 [layers, 2, B]: factors of attention and MLP (drop-path.ts). */
  pathScales?: Tensor;
}

/** `0.5 8`, in maps and checkpoints. */
export const keyOf = ({ tokenDropout, patchSize }: Compression): string => `${tokenDropout} ${patchSize}`;

export function noCompression(patchSize: number): Compression {
  return { tokenDropout: 0, patchSize };
}

/** K = floor((1 - d) N) of N patch tokens, without the class token (FastCL 1.3). */
export function keptTokens(patches: number, tokenDropout: number): number {
  // (1 - 0.9) 100 in binary is just below 10.
  return Math.floor((1 - tokenDropout) * patches + 1e-9);
}

/** N = (S / q)^2; q must divide S. */
export function patchCount(imageSize: number, patchSize: number): number {
  return (imageSize / patchSize) ** 2;
}

/** L = 1 + K tokens, with the class token. */
export function sequenceLength(
  imageSize: number,
  { tokenDropout, patchSize }: { tokenDropout?: number; patchSize: number },
): number {
  return 1 + keptTokens(patchCount(imageSize, patchSize), tokenDropout ?? 0);
}

/** Sides in pixels that divide the image, smaller than it. */
export function patchSizesThatFit(imageSize: number): number[] {
  const sides = Array.from({ length: Math.floor(imageSize / 2) }, (_, i) => i + 1);
  return sides.filter((side) => imageSize % side === 0);
}

export interface CheckContext {
  imageSize: number;
  /** Smallest side that errors propose; default 1. */
  ownPatchSize?: number;
  /** For errors: a path before both keys, or a name for each. */
  name?: string | Record<keyof Compression, string>;
}

/** Throws a CoupletError for a patch that does not divide the image, or a dropout that leaves no token. */
export function checkCompression(
  { tokenDropout, patchSize }: Compression,
  { imageSize, ownPatchSize = 1, name = 'compression' }: CheckContext,
): void {
  const nameOf = (key: keyof Compression) => (typeof name === 'string' ? `${name}.${key}` : name[key]);
  if (!Number.isInteger(patchSize) || patchSize < 1 || imageSize % patchSize !== 0) {
    const sides = [ownPatchSize, ...patchSizesThatFit(imageSize).filter((side) => side > ownPatchSize)];
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

/** Throws a CoupletError for a ResNet. */
export function refuseResNet<Image extends { type?: string }>(
  image: Image,
): asserts image is Exclude<Image, { type: 'resnet' }> {
  if (image.type === 'resnet')
    throw new CoupletError(
      'compression shortens the sequence of a ViT, but model.image is a ResNet: leave it out.',
    );
}
