// What the papers of self-supervised methods share.
import type { ViewRecipe } from '../views/recipe.ts';
import type { ViewContext } from './method.ts';

/** Of ImageNet, per channel, of pixels in [0, 1]: what the papers normalise by. */
export const IMAGENET_PIXELS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** torch.optim.AdamW's own. */
export const ADAMW = { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** Recipes with the crop and the flip of a config's `data`, which start from the paper's (the method's defaults). */
export function withCrop(
  recipes: readonly ViewRecipe[],
  { crop, flip }: ViewContext<unknown>['data'],
): ViewRecipe[] {
  return recipes.map((recipe) => ({ ...recipe, crop, flip: flip ? recipe.flip : 0 }));
}
