import sharp from 'sharp';
import { type Emoji, sheetPath, type Vendor } from './emoji.ts';

/** Side of one picture in pixels, as in the sheets. */
export const SIDE = 64;
/** Each cell of a sheet has a transparent border of one pixel. */
const CELL = SIDE + 2;
/** Side of a thumbnail, by which pictures are compared. */
const THUMB = 16;

export type Colour = readonly [red: number, green: number, blue: number];
export const WHITE: Colour = [255, 255, 255];

/** All pictures of one vendor, decoded: RGBA, row by row. */
export interface Sheet {
  pixels: Uint8Array;
  width: number;
}

/** How one picture is drawn: degrees, a factor on its size, and what lies behind it. */
export interface Pose {
  background: Colour;
  angle?: number;
  zoom?: number;
}

export async function readSheet(vendor: Vendor): Promise<Sheet> {
  const { data, info } = await sharp(sheetPath(vendor))
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { pixels: data, width: info.width };
}

/** RGB pixels [SIDE, SIDE, 3] of one emoji, turned and scaled about its middle (bilinear) on a plain background. */
export function draw(
  sheet: Sheet,
  cell: Emoji['cell'],
  { background, angle = 0, zoom = 1 }: Pose,
): Uint8Array {
  const ink = premultiplied(sheet, cell);
  const out = new Uint8Array(SIDE * SIDE * 3);
  const cos = Math.cos((angle * Math.PI) / 180) / zoom;
  const sin = Math.sin((angle * Math.PI) / 180) / zoom;
  const middle = (CELL - 1) / 2;
  for (let at = 0; at < SIDE * SIDE; at++) {
    const dx = (at % SIDE) + 1 - middle;
    const dy = Math.floor(at / SIDE) + 1 - middle;
    // Outside of the cell there is nothing, like its own border: the clamp reads transparent pixels.
    const x = Math.min(Math.max(middle + cos * dx + sin * dy, 0), CELL - 1.001);
    const y = Math.min(Math.max(middle - sin * dx + cos * dy, 0), CELL - 1.001);
    const left = Math.floor(x);
    const top = Math.floor(y);
    const upper = (top * CELL + left) * 4;
    const lower = upper + CELL * 4;
    let clear = 0;
    for (let channel = 3; channel >= 0; channel--) {
      const above = ink[upper + channel]! * (1 - x + left) + ink[upper + 4 + channel]! * (x - left);
      const below = ink[lower + channel]! * (1 - x + left) + ink[lower + 4 + channel]! * (x - left);
      const value = above * (1 - y + top) + below * (y - top);
      if (channel === 3) clear = 1 - value / 255;
      else out[at * 3 + channel] = value + background[channel]! * clear + 0.5;
    }
  }
  return out;
}

/** RGBA [CELL, CELL, 4] of one cell with its transparent border; colours are multiplied by alpha, so that mixing them is right. */
function premultiplied({ pixels, width }: Sheet, { column, row }: Emoji['cell']): Float32Array {
  const ink = new Float32Array(CELL * CELL * 4);
  for (let y = 0; y < CELL; y++) {
    const start = ((row * CELL + y) * width + column * CELL) * 4;
    ink.set(pixels.subarray(start, start + CELL * 4), y * CELL * 4);
  }
  for (let at = 0; at < ink.length; at += 4) {
    const alpha = ink[at + 3]! / 255;
    for (let channel = 0; channel < 3; channel++) ink[at + channel]! *= alpha;
  }
  return ink;
}

/** One cell over white, as the mean of each block of pixels: [THUMB, THUMB, 3]. */
export function thumbnail(sheet: Sheet, cell: Emoji['cell']): Float32Array {
  const ink = premultiplied(sheet, cell);
  const block = SIDE / THUMB;
  const out = new Float32Array(THUMB * THUMB * 3);
  for (let at = 0; at < SIDE * SIDE; at++) {
    const x = at % SIDE;
    const y = Math.floor(at / SIDE);
    const from = ((y + 1) * CELL + x + 1) * 4;
    const to = (Math.floor(y / block) * THUMB + Math.floor(x / block)) * 3;
    for (let channel = 0; channel < 3; channel++) {
      out[to + channel]! += (ink[from + channel]! + 255 - ink[from + 3]!) / block ** 2;
    }
  }
  return out;
}
