import { centerCrop } from '../../../data/pictures/crop.ts';
import type { Pixels } from '../../../data/pictures/pixel-cache.ts';
import { resample } from '../../../data/pictures/resample.ts';
import type { ImageTower } from '../../layout.ts';
import { towerPixels } from '../../tower-pixels.ts';

/** Of a browser's canvas, on phones too. */
const MOST_PIXELS = 100_000_000;

/**
 * The pixels that Couplet's evaluation makes of a picture: upright, sRGB, on white, resized and cut by the same code.
 * @returns [3, S, S], normalised
 * @throws Error with a sentence for the page
 */
export async function pixelsForTower(picture: Blob, tower: ImageTower): Promise<Float32Array> {
  const pixels = await decode(picture);
  const side = tower.imageSize;
  const square = new Uint8Array(side * side * 3);
  const box = { x: 0, y: 0, width: pixels.width, height: pixels.height };
  const { interpolation } = tower;
  resample(pixels, { box, ...centerCrop(pixels, side), flip: false, interpolation }, square);
  return towerPixels(square, tower);
}

async function decode(picture: Blob): Promise<Pixels> {
  const bitmap = await createImageBitmap(picture, {
    imageOrientation: 'from-image',
    premultiplyAlpha: 'none',
  }).catch(() => {
    throw new Error('This file is no picture that the browser can read. JPEG, PNG and WebP always work.');
  });
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    throw new Error(
      `This picture has ${width} x ${height} pixels. Make it smaller: 100 megapixels are the most.`,
    );
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: withoutAlpha(context.getImageData(0, 0, width, height).data), width, height };
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!;
    rgb[to + 1] = rgba[from + 1]!;
    rgb[to + 2] = rgba[from + 2]!;
  }
  return rgb;
}
