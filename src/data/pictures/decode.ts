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

/** Upright sRGB without alpha. The profile of a picture is applied; CMYK without one becomes RGB as in Pillow. */
async function pipeline({ bytes, header }: Picture): Promise<Sharp> {
  const opened = sharp(bytes, { failOn: 'truncated', limitInputPixels: header.width * header.height });
  const turned = header.orientation > 1 ? opened.autoOrient() : opened;
  if (!header.isPlainCmyk) return turned.flatten({ background: '#ffffff' }).toColourspace('srgb');
  const { data, info } = await bytesOf(turned.pipelineColourspace('cmyk').toColourspace('cmyk'));
  const { width, height } = info;
  return sharp(rgbOfCmyk(data), { raw: { width, height, channels: 3 } });
}

/** As Pillow's convert('RGB'). */
function rgbOfCmyk(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3);
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const light = 255 - inks[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to + c] = light - Math.round((inks[from + c]! * light) / 255);
  }
  return rgb;
}

/** All threads share libvips' messages: they may be about another picture. */
async function bytesOf(image: Sharp): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await image.raw().toBuffer({ resolveWithObject: true });
  } catch {
    throw new Error('cannot be decoded: its data is cut or damaged');
  }
}

async function pixelsOf(image: Sharp): Promise<Pixels> {
  const { data, info } = await bytesOf(image);
  return { data: threeChannels(data, info.channels), width: info.width, height: info.height };
}

/** Upright 8-bit sRGB, alpha flattened on white. @throws Error when the picture is damaged */
export async function decodePixels(picture: Picture): Promise<Pixels> {
  return await pixelsOf(await pipeline(picture));
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

/** Writes [S, S, 3] bytes, within 0.3 of 255 of Pillow's on average. */
export async function cutLarge(picture: Picture, view: View, place: Place): Promise<void> {
  const { size } = picture;
  const { box, resized, window, flip } = view;
  const { shrinks, last } = cutPlan(view);
  const isWhole = box.width === size.width && box.height === size.height;
  // Without a cut libvips may decode a JPEG at reduced size.
  let source = await pipeline(picture);
  if (!isWhole) source = source.extract(edges(box));
  for (const smaller of shrinks) {
    const { data, width, height } = await pixelsOf(resizeByLibvips(source, smaller, 'bicubic'));
    source = sharp(data, { raw: { width, height, channels: 3 } });
  }
  if (last === 'libvips') {
    let image = resizeByLibvips(source, resized, place.interpolation);
    const isCut = window.width !== resized.width || window.height !== resized.height;
    // libvips mirrors before the second cut.
    if (isCut) image = image.extract(edges(flip ? mirrored(window, resized.width) : window));
    const { data } = await pixelsOf(flip ? image.flop() : image);
    place.target.set(data, place.offset);
  } else {
    const pixels = await pixelsOf(source);
    const { width, height } = pixels;
    cutSmall(pixels, { box: { x: 0, y: 0, width, height }, resized, window, flip }, place);
  }
}

function resizeByLibvips(image: Sharp, { width, height }: Size, interpolation: Interpolation): Sharp {
  const kernel = kernels[interpolation];
  return image.resize(width, height, { fit: 'fill', kernel, fastShrinkOnLoad: false });
}

/** From this factor on libvips averages blocks of pixels before it resizes. */
const BLOCKS_FROM = 4;
/** A stronger shrink ends with this factor; less blurs. */
const LAST_SHRINK = 3.5;

/**
 * libvips is fast, and near Pillow where both sides shrink by less than 4: a stronger shrink takes several such steps. Enlarged it is half an
 * output pixel off, and after several steps small results show its rounding: these views end in our own resize.
 */
export function cutPlan({ box, resized }: Pick<View, 'box' | 'resized'>): {
  shrinks: Size[];
  last: 'libvips' | 'own';
} {
  if (box.width < resized.width || box.height < resized.height) return { shrinks: [], last: 'own' };
  const isStrong = ({ width, height }: Size) =>
    width >= BLOCKS_FROM * resized.width || height >= BLOCKS_FROM * resized.height;
  const shrinks: Size[] = [];
  for (let size: Size = box; isStrong(size); shrinks.push(size))
    size = { width: shorter(size.width, resized.width), height: shorter(size.height, resized.height) };
  const isTiny = resized.width * resized.height <= SMALL_PIXELS;
  return { shrinks, last: shrinks.length > 0 && isTiny ? 'own' : 'libvips' };
}

function shorter(from: number, to: number): number {
  if (from < BLOCKS_FROM * to) return from;
  return Math.max(Math.floor(LAST_SHRINK * to), Math.floor(from / BLOCKS_FROM) + 1);
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
