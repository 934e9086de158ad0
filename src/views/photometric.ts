// B rows of a batch, n those that a step changes, S side.
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';
import { blur, blurRadius } from './blur.ts';
import { colorJitter, grayscale, solarize } from './color-steps.ts';
import { COLUMNS, column, joined, rowsOfSteps } from './draws.ts';
import { groupViews, isPhotometric, type ViewRecipe } from './recipe.ts';

/** libtorch's number for plain row-major memory. */
const CONTIGUOUS = 0;

/**
 * The photometric steps in the papers' order: colour jitter, grayscale, blur, solarize. Each runs on the rows that drew it, on the
 * device, without waiting for it; the draws and the row numbers go there in one copy. Values stay float: they are clamped
 * to [0, 255] where torchvision clamps, and never rounded to bytes between the steps (the papers' code, on Pillow pictures, rounds).
 *
 * Cost: about 90 launches, and with u = 12 B S S bytes (one pass over the batch) two u to get planes of floats, then for the share of
 * rows that a step has: jitter 50 u (4 in and out, three rounds of 7, hue 25), grayscale 4, blur 9 and two products of 2 S^3 per
 * plane, solarize 7. MoCo v3's view 1 at 64 px and 512 rows: u = 25 MB, 1.3 GB. bench/augmentation.ts measures; on one H200 such a
 * view takes 1.5 ms, all of it the host's handing over (a training step of the device hides that), and 3.7 ms at 224 px and 256 rows.
 *
 * Call it outside of autocast() and with 'exact' matrix products (device.ts): gray values and blur are products.
 * @param images uint8 or float32 [B, S, S, 3], 0..255; stays as it is
 * @param draws [B, COLUMNS] of drawPhotometric for the same recipe
 * @returns float32 [B, S, S, 3], 0..255 (a view of planes); `images` itself when the recipe has no such step
 */
export function applyPhotometric(images: Tensor, recipe: ViewRecipe, draws: Float32Array): Tensor {
  if (!isPhotometric(recipe)) return images;
  const [batch, height, width] = images.shape as [number, number, number];
  checkShapes({ batch, height, width }, recipe, draws);
  return noGrad(() =>
    scope(() => {
      const planes = ops._to_copy(images.permute(0, 3, 1, 2), 'float32', null, null, null, false, CONTIGUOUS);
      return runSteps(planes, recipe, draws).permute(0, 2, 3, 1);
    }),
  );
}

/** Bytes of planes that a group of views may have: where there are more, launches are not what takes the time. */
const PLANE_BYTES = 2 ** 27;

/**
 * applyPhotometric on all views of a batch, views of one size together: each row has the values that it has alone, up to rounding.
 * @param views of B pictures each, with a recipe each, @param draws what drawPhotometric gives for a view
 * @returns in the same order; a view without photometric steps as it is
 */
export function applyToViews(
  views: readonly Tensor[],
  recipes: readonly ViewRecipe[],
  draws: (view: number) => Float32Array,
): Tensor[] {
  const batch = views[0]?.shape[0] ?? 0;
  const groups = groupViews(recipes, {
    // Blurs of one group have one radius.
    key: (recipe) => `${isPhotometric(recipe)} ${recipe.size} ${recipe.blur?.sigma[1]}`,
    most: ({ size }) => PLANE_BYTES / (batch * 3 * size * size * Float32Array.BYTES_PER_ELEMENT),
  });
  const out = [...views];
  for (const group of groups) {
    const recipe = recipes[group[0]!]!;
    if (!isPhotometric(recipe)) continue;
    const images = group.map((view) => views[view]!);
    const changed = scope(() =>
      applyPhotometric(images.length > 1 ? ops.cat(images, 0) : images[0]!, recipe, joined(group.map(draws))),
    );
    for (const [at, view] of group.entries())
      out[view] = group.length > 1 ? changed.narrow(0, at * batch, batch) : changed;
  }
  return out;
}

/** @param planes float32 [B, 3, S, S], which this may overwrite */
function runSteps(planes: Tensor, recipe: ViewRecipe, draws: Float32Array): Tensor {
  const rows = rowsOfSteps(draws);
  const batch = new RowBatch(planes, draws, [rows.jitter, rows.grayscale, rows.blur, rows.solarize]);
  const radius = blurRadius(recipe.blur?.sigma[1] ?? 0, planes.shape[2]!);
  batch.change(0, (images, parameters) => colorJitter(images, parameters, rows.hueTurns));
  batch.change(1, grayscale);
  batch.change(2, (images, parameters) =>
    blur(images, { sigma: parameters.narrow(1, column.sigma, 1), radius }),
  );
  batch.change(3, solarize);
  return batch.planes;
}

/** A batch on the device of which steps change some rows. */
class RowBatch {
  planes: Tensor;
  readonly #parameters: Tensor; // [B, COLUMNS]
  readonly #index: Tensor; // int64: the lists one after the other
  readonly #lists: readonly (readonly number[])[];

  constructor(planes: Tensor, draws: Float32Array, lists: readonly (readonly number[])[]) {
    this.planes = planes;
    this.#lists = lists;
    const index = Float32Array.from(lists.flat()); // exact: no batch has 2^24 rows
    const numbers = joined([draws, index]);
    const here = upload(numbers, [numbers.length], planes.device);
    this.#parameters = here.narrow(0, 0, draws.length).view(-1, COLUMNS);
    this.#index = here.narrow(0, draws.length, index.length).to('int64');
  }

  /** Runs a step on the rows of one list, [n, 3, S, S] and their parameters [n, COLUMNS, 1, 1], and puts its result in their place. */
  change(list: number, step: (images: Tensor, parameters: Tensor) => Tensor): void {
    const rows = this.#lists[list]!;
    if (rows.length === 0) return;
    const isWhole = rows.length === this.planes.shape[0] && rows.every((row, i) => row === i);
    this.planes = scope(() => {
      if (isWhole) return step(this.planes, this.#parameters.view(-1, COLUMNS, 1, 1));
      const start = this.#lists.slice(0, list).reduce((sum, { length }) => sum + length, 0);
      const index = this.#index.narrow(0, start, rows.length);
      const parameters = this.#parameters.indexSelect(0, index).view(-1, COLUMNS, 1, 1);
      const changed = step(this.planes.indexSelect(0, index), parameters);
      return ops.index_copy_(this.planes, 0, index, changed);
    });
  }
}

function checkShapes(
  { batch, height, width }: { batch: number; height: number; width: number },
  recipe: ViewRecipe,
  draws: Float32Array,
): void {
  if (height !== recipe.size || width !== recipe.size) {
    throw new CoupletError(
      `photometric steps: the recipe is for pictures of ${recipe.size} x ${recipe.size} pixels, these have ${width} x ${height}. Crop to the recipe's size first.`,
    );
  }
  if (draws.length !== batch * COLUMNS) {
    throw new CoupletError(
      `photometric steps: ${batch} pictures need ${batch} rows of draws, there are ${draws.length / COLUMNS}. Draw for the positions of this batch.`,
    );
  }
}
