// Batches of views from pictures that the device holds. B samples of this rank, S side of a view.
import { scope, type Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';
import type { ViewRecipe } from '../views/recipe.ts';
import type { DatasetOnDevice } from './dataset-on-device.ts';
import { cropByAxes, linesOf } from './device-crop.ts';
import { cropGroups, type StepDraws } from './step-draws.ts';

/**
 * All views of a batch, with the loader's draws for the same seed, epoch, id and view: what differs is at most the rounding of a
 * byte, and for pictures that the loader resamples otherwise (more than 128 x 128 pixels) or that are held smaller, the filter.
 * One upload, however many views, and one for the ids where they are not given.
 * @param options.ids those of the draws on the device, int [B], where the caller has them there
 * @returns for each recipe uint8 [B, S, S, 3], before its photometric steps
 */
export function batchCrops(
  { images }: DatasetOnDevice,
  draws: StepDraws,
  { recipes, ids }: { recipes: readonly ViewRecipe[]; ids?: Tensor },
): Tensor[] {
  const { device } = images;
  const batch = draws.ids.length;
  return scope(() => {
    const lines = linesOf(images.indexSelect(0, ids ?? upload(draws.ids, [batch], device)));
    const axes = upload(draws.axes, [draws.axes.length], device);
    const views: Tensor[] = [];
    let start = 0;
    for (const group of cropGroups(recipes, { batch, side: images.shape[1]! })) {
      const { size, crop } = recipes[group[0]!]!;
      const length = group.length * (draws.axes.length / recipes.length);
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
