// What the papers of self-supervised methods share.
import { type Augmentation, augmentationSchema, withAugmentation } from '../../views/augmentation.ts';
import type { ViewRecipe } from '../../views/recipe.ts';
import type { ViewContext } from '../method.ts';

/** Of ImageNet, per channel, of pixels in [0, 1]: what the papers normalise by. */
export const IMAGENET_PIXELS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** torch.optim.AdamW's own. */
export const ADAMW = { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** The option that changes the photometric steps. */
export const augmentation = augmentationSchema
  .optional()
  .describe("what differs from the paper's colours, blur and solarizing, in all views");

/**
 * Recipes of a paper as a config has them: the crop and the flip are those of `data`, which start from the paper's (the method's
 * defaults), the photometric steps the recipe's own with the config's changes.
 */
export function asConfigured(
  recipes: readonly ViewRecipe[],
  { crop, flip }: ViewContext<unknown>['data'],
  changes: Augmentation = {},
): ViewRecipe[] {
  return recipes.map((recipe) =>
    withAugmentation({ ...recipe, crop, flip: flip ? recipe.flip : 0 }, changes),
  );
}
