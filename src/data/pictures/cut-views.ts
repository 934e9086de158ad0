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

export interface ViewCut {
  /** S, in pixels. */
  size: number;
  transform: Transform;
}

export interface CutConfig extends Limits {
  cache: PixelCache | undefined;
  /** Empty: only sizes are read. */
  views: readonly ViewCut[];
  seed: number;
}

export interface CutRow {
  id: number;
  epoch: number;
  /** Reads the encoded picture; not called for cached pixels. */
  read: () => Uint8Array;
  /** For each view [rows, S, S, 3]. */
  targets: readonly Uint8Array[];
  row: number;
}

/** A large picture is decoded again for each view. */
type Source = { pixels: Pixels } | { picture: Picture };

/** @returns the size of the upright picture, in pixels. @throws Error when it cannot be used */
export async function cutViews(config: CutConfig, sample: CutRow): Promise<Size> {
  const { views, cache } = config;
  const cached = cache && cachedPixels(cache, sample.id);
  const picture = cached ? undefined : await openPicture(sample.read(), config);
  const { width, height } = cached ?? picture!.size;
  if (views.length === 0) return { width, height };
  const source = cached ? { pixels: cached } : await decodeSmall(picture!, sample.id, cache);
  for (const [view, { size, transform }] of views.entries()) {
    const cut = viewOf({ width, height }, { config, sample, view });
    const { interpolation } = transform;
    const place = { target: sample.targets[view]!, offset: sample.row * bytesOfSide(size), interpolation };
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
  {
    config: { views, seed },
    sample: { id, epoch },
    view,
  }: { config: CutConfig; sample: CutRow; view: number },
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

/** Leaves the rest of the canvas unchanged. */
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
