import sharp, { type OutputInfo, type Sharp } from 'sharp';
import { type Box, centerCrop, type Interpolation, type Size } from './crop.ts';
import { type Header, readHeader, upright } from './header.ts';
import { type Pixels, SMALL_PIXELS } from './pixel-cache.ts';
import { resample } from './resample.ts';

sharp.concurrency(1);
sharp.cache(false);

/** `box` of the upright picture is resized to `resized`, and `window` cut from that. */
export interface View {
  box: Box;
  resized: Size;
  window: Box;
  flip: boolean;
}

export interface Limits {
  /** In pixels. */
  minSide: number;
  maxPixels: number;
}

export interface Picture {
  bytes: Uint8Array;
  header: Header;
  /** Upright. */
  size: Size;
}

const kernels: Record<Interpolation, 'cubic' | 'linear'> = { bicubic: 'cubic', bilinear: 'linear' };

/** Reads only the header. @throws Error for no picture, or one that is too small or large */
export async function openPicture(bytes: Uint8Array, limits: Limits): Promise<Picture> {
  const header = readHeader(bytes);
  if (!header) throw new Error(bytes.length === 0 ? 'the file is empty' : 'not a JPEG, PNG or WebP picture');
  const { width, height } = header;
  if (width * height > limits.maxPixels) {
    throw new Error(`${width} x ${height} pixels, more than maxPixels (${limits.maxPixels})`);
  }
  if (Math.min(width, height) < limits.minSide) {
    throw new Error(`${width} x ${height} pixels, smaller than the ${limits.minSide} that a picture needs`);
  }
  if (header.format !== 'jpeg' && mayHaveExif(bytes)) {
    header.orientation = (await sharp(bytes).metadata()).orientation ?? 1;
  }
  return { bytes, header, size: upright(header) };
}

/** Asking libvips is slow, and PNG and WebP rarely have an orientation. */
function mayHaveExif(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.includes('eXIf') || buffer.includes('EXIF');
}

/** Small pictures are decoded once; for large ones libvips' vector code is faster. */
export function isSmall({ size }: Picture): boolean {
  return size.width * size.height <= SMALL_PIXELS;
}

function pipeline({ bytes, header }: Picture): Sharp {
  const opened = sharp(bytes, { failOn: 'truncated', limitInputPixels: header.width * header.height });
  const turned = header.orientation > 1 ? opened.autoOrient() : opened;
  return turned.flatten({ background: '#ffffff' }).toColourspace('srgb');
}

/** All threads share libvips' messages: they may be about another picture. */
async function run(image: Sharp): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await image.raw().toBuffer({ resolveWithObject: true });
  } catch {
    throw new Error('cannot be decoded: its data is cut or damaged');
  }
}

/** Upright 8-bit sRGB, alpha flattened on white. @throws Error when the picture is damaged */
export async function decodePixels(picture: Picture): Promise<Pixels> {
  const { data, info } = await run(pipeline(picture));
  return { data: threeChannels(data, info.channels), width: info.width, height: info.height };
}

/** Writes [S, S, 3] bytes. */
export function cutSmall(pixels: Pixels, view: View, place: Place): void {
  resample(pixels, { ...view, interpolation: place.interpolation }, place.target, place.offset);
}

export interface Place {
  target: Uint8Array;
  offset: number;
  interpolation: Interpolation;
}

/** Decodes and cuts in one pass of libvips. Writes [S, S, 3] bytes. */
export async function cutLarge(picture: Picture, view: View, place: Place): Promise<void> {
  const { before, resized, after } = cutPlan(picture.size, view);
  let image = pipeline(picture);
  if (before) image = image.extract(edges(before));
  const kernel = kernels[place.interpolation];
  image = image.resize(resized.width, resized.height, { fit: 'fill', kernel, fastShrinkOnLoad: false });
  // libvips mirrors before the second cut.
  if (after) image = image.extract(edges(view.flip ? mirrored(after, resized.width) : after));
  const { data, info } = await run(view.flip ? image.flop() : image);
  place.target.set(threeChannels(data, info.channels), place.offset);
}

/** From this factor on, full-size decoding dominates the time. */
const STRONG_SHRINK = 4;

/**
 * Cuts before and after the resize. Without a cut before, a JPEG can be decoded at reduced size: for a strong shrink the box is cut
 * after, exact to half a pixel.
 */
export function cutPlan(size: Size, view: View): { before?: Box; resized: Size; after?: Box } {
  const { box, resized, window } = view;
  const scale = { x: resized.width / box.width, y: resized.height / box.height };
  const cut = window.width === resized.width && window.height === resized.height ? {} : { after: window };
  if (box.width === size.width && box.height === size.height) return { resized, ...cut };
  if (Math.max(scale.x, scale.y) > 1 / STRONG_SHRINK) return { before: box, resized, ...cut };
  const whole = { width: Math.round(size.width * scale.x), height: Math.round(size.height * scale.y) };
  const x = Math.min(Math.round(box.x * scale.x), whole.width - resized.width) + window.x;
  const y = Math.min(Math.round(box.y * scale.y), whole.height - resized.height) + window.y;
  return { resized: whole, after: { x, y, width: window.width, height: window.height } };
}

function mirrored(box: Box, width: number): Box {
  return { ...box, x: width - box.x - box.width };
}

function edges(box: Box): { left: number; top: number; width: number; height: number } {
  return { left: box.x, top: box.y, width: box.width, height: box.height };
}

/** libvips returns one channel for some gray pictures. */
function threeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const count = data.length / channels;
  const rgb = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)]!;
  }
  return rgb;
}

/** The middle of the picture at side `side`. */
export function centerView(size: Size, side: number): View {
  const { resized, window } = centerCrop(size, side);
  return { box: { x: 0, y: 0, ...size }, resized, window, flip: false };
}

export function boxView(box: Box, side: number, flip: boolean): View {
  const square = { width: side, height: side };
  return { box, resized: square, window: { x: 0, y: 0, ...square }, flip };
}

export function wholeView(size: Size, resized: Size): View {
  return { box: { x: 0, y: 0, ...size }, resized, window: { x: 0, y: 0, ...resized }, flip: false };
}
