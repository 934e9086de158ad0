// B: samples of this rank. S: side of a view in pixels.
import { scope, type Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';
import type { ViewRecipe } from '../views/recipe.ts';
import type { DatasetOnDevice } from './dataset-on-device.ts';
import { cropByAxes, linesOf } from './device-crop.ts';
import { cropGroups, type StepDraws } from './step-draws.ts';

/**
 * All views of a batch. Bytes differ from the loader's by rounding, and by the filter for pictures that were shrunk or have more than
 * 128 x 128 pixels.
 * @param options.ids draws.ids on the device, int [B]; uploaded if missing
 * @returns uint8 [B, S, S, 3] for each recipe, before its photometric steps
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
      for (const [index, view] of crops.unbind(0).entries()) views[group[index]!] = view;
      start += length;
    }
    return views;
  });
}
