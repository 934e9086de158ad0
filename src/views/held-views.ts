// Batches of views from pictures that the device holds. B samples of this rank, S side of a view.
import { drawCrop } from '../data/crop.ts';
import { ATTEMPTS, candidateAt } from '../data/order.ts';
import { CoupletError } from '../errors.ts';
import { scope, type Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';
import { CropAxes } from './crop-axes.ts';
import { cropByAxes, linesOf } from './device-crop.ts';
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

/**
 * All views of a batch, with the loader's draws for the same seed, epoch, id and view: what differs is at most the rounding of a
 * byte, and for pictures that the loader resamples otherwise (more than 128 x 128 pixels) or that are held smaller, the filter.
 * Two uploads, however many views; the host draws boxes and nothing else.
 * @returns for each recipe uint8 [B, S, S, 3], before its photometric steps
 */
export function heldViews(
  held: HeldPictures,
  places: readonly Place[],
  { recipes, seed }: { recipes: readonly ViewRecipe[]; seed: number },
): Tensor[] {
  const { images } = held;
  const { device } = images;
  return scope(() => {
    const ids = Int32Array.from(places, ({ id }) => id);
    const numbers = drawAxes(held, places, { recipes, seed });
    const axes = upload(numbers, [numbers.length], device);
    const lines = linesOf(images.indexSelect(0, upload(ids, [ids.length], device)));
    const length = axes.size / recipes.length;
    return recipes.map(({ size, crop: { interpolation } }, view) =>
      cropByAxes(lines, axes.narrow(0, view * length, length), { size, interpolation }),
    );
  });
}

/** The CropAxes of all views, one after the other. */
export function drawAxes(
  held: HeldPictures,
  places: readonly Place[],
  { recipes, seed }: { recipes: readonly ViewRecipe[]; seed: number },
): Float32Array {
  const pixels = places.map(({ id }) => pictureOf(held, id)!);
  const all = recipes.map(({ size, crop, flip }, view) => {
    const axes = new CropAxes(places.length, size);
    const limits = { ...crop, flip };
    for (const [row, { id, epoch }] of places.entries()) {
      const { picture } = pixels[row]!;
      axes.set(row, drawCrop(picture, limits, { seed, epoch, id, view }), pixels[row]!);
    }
    return axes.numbers;
  });
  const joined = new Float32Array(all.length * all[0]!.length);
  for (const [view, numbers] of all.entries()) joined.set(numbers, view * numbers.length);
  return joined;
}
