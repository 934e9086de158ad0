// Batches of views from pictures that the device holds. B samples of this rank, S side of a view.
import { drawCrop } from '../data/crop.ts';
import { ATTEMPTS, candidateAt } from '../data/order.ts';
import { CoupletError } from '../errors.ts';
import { scope, type Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';
import { CropAxes } from './crop-axes.ts';
import { cropByAxes, linesOf } from './device-crop.ts';
import { groupViews, joined } from './groups.ts';
import { type HeldPictures, pictureOf } from './held.ts';
import type { ViewRecipe } from './recipe.ts';

/** One sample of a batch. */
export interface Place {
  id: number;
  epoch: number;
}

/** The samples at `count` positions of the loader's stream from `position` on; as there, others take the places of bad ones. */
export function placesAt(
  held: HeldPictures,
  { position, count, seed }: { position: number; count: number; seed: number },
): Place[] {
  const stream = { count: held.sizes.length / 2, seed };
  return Array.from({ length: count }, (_, row) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const place = candidateAt(position + row, attempt, stream);
      if (held.sizes[2 * place.id]! > 0) return place;
    }
    throw new CoupletError(
      `No usable sample was found for a place in a batch after ${ATTEMPTS} tries. Mend the data.`,
    );
  });
}

/** Bytes of weights that a group of views may have: where there are more, launches are not what takes the time. */
const WEIGHT_BYTES = 2 ** 28;

/**
 * All views of a batch, with the loader's draws for the same seed, epoch, id and view: what differs is at most the rounding of a
 * byte, and for pictures that the loader resamples otherwise (more than 128 x 128 pixels) or that are held smaller, the filter.
 * One upload, however many views, and one for the ids where they are not given; the host draws boxes and nothing else.
 * @param options.ids the places' ids on the device, int [B], where the caller has them there
 * @returns for each recipe uint8 [B, S, S, 3], before its photometric steps
 */
export function heldViews(
  held: HeldPictures,
  places: readonly Place[],
  { recipes, seed, ids }: { recipes: readonly ViewRecipe[]; seed: number; ids?: Tensor },
): Tensor[] {
  const { images } = held;
  const { device } = images;
  const groups = groupsOf(recipes, { batch: places.length, length: images.shape[1]! });
  return scope(() => {
    const own = () =>
      upload(
        Int32Array.from(places, ({ id }) => id),
        [places.length],
        device,
      );
    const lines = linesOf(images.indexSelect(0, ids ?? own()));
    const numbers = drawAxes(held, places, { recipes, seed, groups });
    const axes = upload(numbers, [numbers.length], device);
    const views: Tensor[] = [];
    let start = 0;
    for (const group of groups) {
      const { size, crop } = recipes[group[0]!]!;
      const length = group.length * (numbers.length / recipes.length);
      const crops = cropByAxes(lines, axes.narrow(0, start, length), {
        size,
        interpolation: crop.interpolation,
      });
      for (const [at, view] of crops.unbind(0).entries()) views[group[at]!] = view;
      start += length;
    }
    return views;
  });
}

/** Views that are cut together: those of one size and interpolation. */
function groupsOf(
  recipes: readonly ViewRecipe[],
  { batch, length }: { batch: number; length: number },
): number[][] {
  return groupViews(recipes, {
    key: ({ size, crop }) => `${size} ${crop.interpolation}`,
    most: ({ size }) => WEIGHT_BYTES / (2 * batch * size * length * Float32Array.BYTES_PER_ELEMENT),
  });
}

/** The CropAxes of all groups of views, one after the other. */
function drawAxes(
  held: HeldPictures,
  places: readonly Place[],
  { recipes, seed, groups }: { recipes: readonly ViewRecipe[]; seed: number; groups: readonly number[][] },
): Float32Array {
  const pixels = places.map(({ id }) => pictureOf(held, id)!);
  const all = groups.map((group) => {
    const axes = new CropAxes(places.length * group.length, recipes[group[0]!]!.size);
    for (const [at, view] of group.entries()) {
      const { crop, flip } = recipes[view]!;
      const limits = { ...crop, flip };
      for (const [row, { id, epoch }] of places.entries()) {
        const cut = drawCrop(pixels[row]!.picture, limits, { seed, epoch, id, view });
        axes.set(row * group.length + at, cut, pixels[row]!);
      }
    }
    return axes.numbers;
  });
  return joined(all);
}
