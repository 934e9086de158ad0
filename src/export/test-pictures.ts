// Pictures and texts made by code, on which an export is compared with its run. S side of the model's input.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { cutViews } from '../data/pictures/cut-views.ts';
import { bytesOfSide } from '../data/pictures/slab.ts';

export const TEXTS: readonly string[] = [
  'a photo of a cat',
  'Two dogs, running on the beach!',
  'a red circle beside 3 blue squares',
  '',
  `many words: ${Array.from({ length: 90 }, (_, i) => `the ${i} of ${i + 1}`).join(', ')}`,
];

/** One is of the model's size, the others are larger, wider or smaller. */
const SIZES: readonly ((side: number) => readonly [number, number])[] = [
  (side) => [side, side],
  (side) => [side, Math.ceil(1.5 * side)],
  (side) => [Math.ceil(1.25 * side), side],
  (side) => [Math.ceil(side / 2), Math.ceil(side / 2)],
  (side) => [2 * side, Math.ceil(1.5 * side)],
];

export interface TestPicture {
  /** A PNG. */
  png: Uint8Array;
  /** As an evaluation cuts it: RGB bytes [S, S, 3]. */
  cut: Uint8Array;
  cutPng: Uint8Array;
  /** SHA-256 (hex) of `cut`. */
  sha256: string;
}

export async function testPictures(side: number): Promise<TestPicture[]> {
  const pictures: TestPicture[] = [];
  for (const [seed, sizeOf] of SIZES.entries()) {
    const png = await asPng(waves(...sizeOf(side), seed), sizeOf(side));
    const cut = await centerCut(png, side);
    const cutPng = await asPng(cut, [side, side]);
    pictures.push({ png, cut, cutPng, sha256: sha256(cut) });
  }
  return pictures;
}

/** The RGB bytes [S, S, 3] of an encoded picture, resized and cropped as in an evaluation. */
async function centerCut(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  const cut = new Uint8Array(bytesOfSide(side));
  const views = [{ size: side, transform: { type: 'center-crop', interpolation: 'bicubic' } as const }];
  const row = { id: 0, epoch: 0, read: () => bytes, targets: [cut], row: 0 };
  await cutViews({ minSide: 1, maxPixels: 1e8, cache: undefined, views, seed: 0 }, row);
  return cut;
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const asPng = (rgb: Uint8Array, [width, height]: readonly [number, number]): Promise<Uint8Array> =>
  sharp(rgb, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();

/** Coloured waves with a square of another colour. */
function waves(width: number, height: number, seed: number): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++) {
        const [u, v] = [x / width, y / height];
        const wave = Math.sin(6 * u * (1 + seed) + 2 * channel) * Math.cos(7 * v + seed * channel);
        const isSquare = Math.abs(u - 0.2 - 0.1 * seed) < 0.15 && Math.abs(v - 0.5) < 0.2;
        rgb[(y * width + x) * 3 + channel] = isSquare ? 60 * channel + 30 * seed : 127 + 120 * wave;
      }
  return rgb;
}
