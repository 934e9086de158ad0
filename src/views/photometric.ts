// B: batch rows. n: rows that a step changes. S: side in pixels.
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';
import { blur, blurRadius } from './blur.ts';
import { colorJitter, grayscale, solarize } from './color-steps.ts';
import { COLUMNS, column, concatFloats, rowsOfSteps } from './draws.ts';
import { groupViews, isPhotometric, type ViewRecipe } from './recipe.ts';

/** libtorch's MemoryFormat::Contiguous. */
const CONTIGUOUS = 0;

/**
 * Colour jitter, grayscale, blur and solarize, in the papers' order, each on the rows that drew it. Values are
 * clamped as in torchvision, but stay float between steps, where the papers' code rounds to bytes.
 *
 * Cost: about 90 launches, and with u = 12 B S S bytes: 2 u for float planes, and of a step's share of rows 50 u for jitter, 4 u for
 * grayscale, 9 u for blur (and two products of 2 S^3 per plane), 7 u for solarize.
 *
 * Call it outside autocast() and with 'exact' matrix products (device.ts).
 * @param images uint8 or float32 [B, S, S, 3], 0..255; not changed
 * @param draws [B, COLUMNS] of drawPhotometric for the same recipe
 * @returns float32 [B, S, S, 3], 0..255 (a view of planes); `images` itself without such steps
 * @throws CoupletError when size or draws do not fit the recipe and batch
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

/** Larger groups save no time. */
const MAX_GROUP_BYTES = 2 ** 27;

/**
 * applyPhotometric on all views, those of one size together: the same values up to rounding.
 * @param views each [B, S, S, 3], @param draws drawPhotometric's rows of a view
 * @returns in the same order; views without photometric steps are unchanged
 */
export function applyToViews(
  views: readonly Tensor[],
  recipes: readonly ViewRecipe[],
  draws: (view: number) => Float32Array,
): Tensor[] {
  const batch = views[0]?.shape[0] ?? 0;
  const groups = groupViews(recipes, {
    // One blur radius per group.
    key: (recipe) => `${isPhotometric(recipe)} ${recipe.size} ${recipe.blur?.sigma[1]}`,
    maxViews: ({ size }) => MAX_GROUP_BYTES / (batch * 3 * size * size * Float32Array.BYTES_PER_ELEMENT),
  });
  const out = [...views];
  for (const group of groups) {
    const recipe = recipes[group[0]!]!;
    if (!isPhotometric(recipe)) continue;
    const images = group.map((view) => views[view]!);
    const changed = scope(() =>
      applyPhotometric(
        images.length > 1 ? ops.cat(images, 0) : images[0]!,
        recipe,
        concatFloats(group.map(draws)),
      ),
    );
    for (const [index, view] of group.entries())
      out[view] = group.length > 1 ? changed.narrow(0, index * batch, batch) : changed;
  }
  return out;
}

/** @param planes float32 [B, 3, S, S]; may be overwritten */
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

class RowBatch {
  planes: Tensor;
  readonly #parameters: Tensor; // [B, COLUMNS]
  readonly #index: Tensor; // int64, all rowLists
  readonly #rowLists: readonly (readonly number[])[];

  constructor(planes: Tensor, draws: Float32Array, rowLists: readonly (readonly number[])[]) {
    this.planes = planes;
    this.#rowLists = rowLists;
    const index = Float32Array.from(rowLists.flat()); // exact below 2^24 rows
    const hostNumbers = concatFloats([draws, index]);
    const deviceNumbers = upload(hostNumbers, [hostNumbers.length], planes.device);
    this.#parameters = deviceNumbers.narrow(0, 0, draws.length).view(-1, COLUMNS);
    this.#index = deviceNumbers.narrow(0, draws.length, index.length).to('int64');
  }

  /** @param step maps rows [n, 3, S, S] and their parameters [n, COLUMNS, 1, 1] to new rows */
  change(list: number, step: (images: Tensor, parameters: Tensor) => Tensor): void {
    const rows = this.#rowLists[list]!;
    if (rows.length === 0) return;
    const isWhole = rows.length === this.planes.shape[0] && rows.every((row, i) => row === i);
    this.planes = scope(() => {
      if (isWhole) return step(this.planes, this.#parameters.view(-1, COLUMNS, 1, 1));
      const start = this.#rowLists.slice(0, list).reduce((sum, { length }) => sum + length, 0);
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
