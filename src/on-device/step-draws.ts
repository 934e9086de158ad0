// What the host draws for the views of one step of held pictures: numbers alone, so that a thread may draw them ahead. B samples.

import { ATTEMPTS, candidateAt } from '../data/loader/order.ts';
import { drawCrop, fitWithin } from '../data/pictures/crop.ts';
import { CoupletError } from '../errors.ts';
import { drawPhotometric, joined } from '../views/draws.ts';
import { groupViews, isPhotometric, type ViewRecipe } from '../views/recipe.ts';
import { CropAxes } from './crop-axes.ts';

/** What draws follow from besides the step. Plain data. */
export interface DrawContext {
  /** int32 [n, 2]: width and height of the upright pictures; 0 x 0 for a bad sample. In shared memory where a thread draws. */
  sizes: Int32Array;
  /** M: side of the canvases that the pictures are held on, in pixels. */
  side: number;
  recipes: readonly ViewRecipe[];
  seed: number;
}

/** Of one step. */
export interface StepDraws {
  /** [B]: which samples, in which epoch of the stream. */
  ids: BigInt64Array;
  epochs: Float64Array;
  /** The CropAxes of all groups of views, one after the other. */
  axes: Float32Array;
  /** Of each view drawPhotometric()'s rows; empty for one without photometric steps. */
  colours: Float32Array[];
}

/** Where a step's samples are in the loader's stream: the position of the first, and how many. */
export interface StepSamples {
  position: number;
  count: number;
}

/** Draws for the samples of a step: the samples and crops that the loader has there. */
export function drawStep(context: DrawContext, { position, count }: StepSamples): StepDraws {
  const { recipes, seed } = context;
  const places = placesAt(context, { position, count });
  const positions = places.map((_, row) => position + row);
  return {
    ids: BigInt64Array.from(places, ({ id }) => BigInt(id)),
    epochs: Float64Array.from(places, ({ epoch }) => epoch),
    axes: drawAxes(context, places),
    colours: recipes.map((recipe, view) =>
      isPhotometric(recipe) ? drawPhotometric(recipe, { seed, positions, view }) : new Float32Array(0),
    ),
  };
}

/** One sample of a batch. */
interface Place {
  id: number;
  epoch: number;
}

/** The samples at `count` positions; as in the loader, others take the places of bad ones. */
function placesAt(
  { sizes, seed }: DrawContext,
  { position, count }: { position: number; count: number },
): Place[] {
  const stream = { count: sizes.length / 2, seed };
  return Array.from({ length: count }, (_, row) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const place = candidateAt(position + row, attempt, stream);
      if (sizes[2 * place.id]! > 0) return place;
    }
    throw new CoupletError(
      `No usable sample was found for a place in a batch after ${ATTEMPTS} tries. Mend the data.`,
    );
  });
}

function drawAxes(context: DrawContext, places: readonly Place[]): Float32Array {
  const { sizes, side, recipes, seed } = context;
  const pixels = places.map(({ id }) => {
    const picture = { width: sizes[2 * id]!, height: sizes[2 * id + 1]! };
    return { picture, held: fitWithin(picture, side) };
  });
  const all = cropGroups(recipes, { batch: places.length, side }).map((group) => {
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

/** Weights of crops that are cut together may take so much. */
const WEIGHT_BYTES = 2 ** 28;

/** Views that are cut together: those of one size and interpolation. */
export function cropGroups(
  recipes: readonly ViewRecipe[],
  { batch, side }: { batch: number; side: number },
): number[][] {
  return groupViews(recipes, {
    key: ({ size, crop }) => `${size} ${crop.interpolation}`,
    most: ({ size }) => WEIGHT_BYTES / (2 * batch * size * side * Float32Array.BYTES_PER_ELEMENT),
  });
}
