import { drawCrop, fitWithin, type Size, type Transform } from './crop.ts';
import {
  boxView,
  centerView,
  cutLarge,
  cutSmall,
  decodePixels,
  isSmall,
  type Limits,
  openPicture,
  type Picture,
  type Place,
  type View,
  wholeView,
} from './decode.ts';
import { cachedPixels, keepPixels, type PixelCache, type Pixels } from './pixel-cache.ts';
import { bytesOfSide } from './slab.ts';

/** One view: the side of its squares, in pixels, and how pictures become such. */
export interface ViewCut {
  size: number;
  transform: Transform;
}

export interface CutConfig extends Limits {
  cache: PixelCache | undefined;
  /** What is cut out of each picture; without any, only its size is read. */
  views: readonly ViewCut[];
  seed: number;
}

/** A sample, and where its views go: row `row` of each view's pictures. */
export interface CutRow {
  id: number;
  epoch: number;
  /** Reads the encoded picture; not called when its pixels are kept. */
  read: () => Uint8Array;
  targets: readonly Uint8Array[];
  row: number;
}

/** A picture: its pixels when it is small, else what libvips decodes anew for each view. */
type Source = { pixels: Pixels } | { picture: Picture };

/** Cuts all views of a sample. @returns the size of the upright picture, in pixels. Throws when it cannot be used. */
export async function cutViews(config: CutConfig, at: CutRow): Promise<Size> {
  const { views, cache } = config;
  const kept = cache && cachedPixels(cache, at.id);
  const picture = kept ? undefined : await openPicture(at.read(), config);
  const { width, height } = kept ?? picture!.size;
  if (views.length === 0) return { width, height };
  const source = kept ? { pixels: kept } : await decodeSmall(picture!, at.id, cache);
  for (const [view, { size, transform }] of views.entries()) {
    const cut = viewOf({ width, height }, { config, at, view });
    const { interpolation } = transform;
    const place = { target: at.targets[view]!, offset: at.row * bytesOfSide(size), interpolation };
    if (transform.type === 'whole') await putWhole(source, { cut, side: size }, place);
    else await putView(source, cut, place);
  }
  return { width, height };
}

async function decodeSmall(picture: Picture, id: number, cache: PixelCache | undefined): Promise<Source> {
  if (!isSmall(picture)) return { picture };
  const pixels = await decodePixels(picture);
  if (cache) keepPixels(cache, id, pixels);
  return { pixels };
}

function viewOf(
  picture: Size,
  { config: { views, seed }, at: { id, epoch }, view }: { config: CutConfig; at: CutRow; view: number },
): View {
  const { size, transform } = views[view]!;
  if (transform.type === 'center-crop') return centerView(picture, size);
  if (transform.type === 'whole') return wholeView(picture, fitWithin(picture, size));
  const { box, flip } = drawCrop(picture, transform, { seed, epoch, id, view });
  return boxView(box, size, flip);
}

async function putView(source: Source, cut: View, place: Place): Promise<void> {
  if ('pixels' in source) cutSmall(source.pixels, cut, place);
  else await cutLarge(source.picture, cut, place);
}

/** Writes the whole picture to the upper left of a canvas of side `side`; around it stays what was there. */
async function putWhole(
  source: Source,
  { cut, side }: { cut: View; side: number },
  { target, offset, interpolation }: Place,
): Promise<void> {
  const { width, height } = cut.resized;
  const whole = new Uint8Array(width * height * 3);
  await putView(source, cut, { target: whole, offset: 0, interpolation });
  for (let y = 0; y < height; y++)
    target.set(whole.subarray(y * width * 3, (y + 1) * width * 3), offset + y * side * 3);
}
