// Draws are plain numbers, so that a thread can make them ahead. B: samples.

import { ATTEMPTS, candidateAt } from '../data/loader/order.ts';
import { drawCrop, fitWithin } from '../data/pictures/crop.ts';
import { CoupletError } from '../errors.ts';
import { concatFloats, drawPhotometric } from '../views/draws.ts';
import { groupViews, isPhotometric, type ViewRecipe } from '../views/recipe.ts';
import { CropAxes } from './crop-axes.ts';

/** All that draws depend on, besides the step. Plain data. */
export interface DrawContext {
  /** int32 [n, 2]: width and height of the upright pictures in pixels; 0 x 0 for a bad sample. */
  sizes: Int32Array;
  /** M: side of the canvases, in pixels. */
  side: number;
  recipes: readonly ViewRecipe[];
  seed: number;
}

export interface StepDraws {
  /** [B] */
  ids: BigInt64Array;
  /** [B] */
  epochs: Float64Array;
  /** CropAxes of all groups of views, concatenated. */
  axes: Float32Array;
  /** drawPhotometric()'s rows of each view; empty without photometric steps. */
  colours: Float32Array[];
}

export interface StepSamples {
  /** Of the first sample, in the loader's stream. */
  position: number;
  count: number;
}

/**
 * The loader's samples and crops of a step.
 * @throws CoupletError when no usable sample is found for a position
 */
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

interface Place {
  id: number;
  epoch: number;
}

/** As in the loader, other samples replace bad ones. */
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
      `No usable sample was found for a place in a batch after ${ATTEMPTS} tries: too many pictures cannot be decoded. Repair or remove them.`,
    );
  });
}

function drawAxes(context: DrawContext, places: readonly Place[]): Float32Array {
  const { sizes, side, recipes, seed } = context;
  const pictureSizes = places.map(({ id }) => {
    const original = { width: sizes[2 * id]!, height: sizes[2 * id + 1]! };
    return { original, stored: fitWithin(original, side) };
  });
  const axesOfGroups = cropGroups(recipes, { batch: places.length, side }).map((group) => {
    const axes = new CropAxes(places.length * group.length, recipes[group[0]!]!.size);
    for (const [index, view] of group.entries()) {
      const { crop, flip } = recipes[view]!;
      const limits = { ...crop, flip };
      for (const [row, { id, epoch }] of places.entries()) {
        const cut = drawCrop(pictureSizes[row]!.original, limits, { seed, epoch, id, view });
        axes.set(row * group.length + index, cut, pictureSizes[row]!);
      }
    }
    return axes.numbers;
  });
  return concatFloats(axesOfGroups);
}

/** Of the weights of views that are cut together. */
const MAX_WEIGHT_BYTES = 2 ** 28;

/** Indices of views that are cut together: one size and interpolation. */
export function cropGroups(
  recipes: readonly ViewRecipe[],
  { batch, side }: { batch: number; side: number },
): number[][] {
  return groupViews(recipes, {
    key: ({ size, crop }) => `${size} ${crop.interpolation}`,
    maxViews: ({ size }) => MAX_WEIGHT_BYTES / (2 * batch * size * side * Float32Array.BYTES_PER_ELEMENT),
  });
}
