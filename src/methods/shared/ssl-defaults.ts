// Options and defaults that the papers of self-supervised methods share.
import { z } from 'zod';
import { type Augmentation, augmentationSchema, withAugmentation } from '../../views/augmentation.ts';
import type { ViewRecipe } from '../../views/recipe.ts';
import type { MethodDefaults, ViewContext } from '../method.ts';

/** ImageNet's statistics by channel, of pixels in [0, 1]. */
export const IMAGENET_PIXELS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Defaults of torch.optim.AdamW. */
export const ADAMW = { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** MoCo v3's crops and training of ViTs (Chen et al. 2021), also for SimCLR. */
export const mocoDefaults = (interpolation: 'bilinear' | 'bicubic'): MethodDefaults => ({
  data: { crop: { scale: [0.08, 1], interpolation }, flip: true, ...IMAGENET_PIXELS },
  optimizer: { ...ADAMW, peakLr: 1.5e-4, weightDecay: 0.1 },
  schedule: { warmup: { share: 40 / 300 } },
});

export const emaMomentum = (follower: string, start: number) =>
  z
    .number()
    .min(0)
    .max(1)
    .default(start)
    .describe(`share of its old weights that the ${follower} keeps in each step; rises to 1 along a cosine`);

const width = z
  .int()
  .min(1)
  .max(2 ** 17);

export const pairHeads = z
  .strictObject({
    hidden: width.default(4096).describe('width of hidden layers'),
    embedDim: width.default(256).describe('width of the projections that the loss compares'),
  })
  .prefault({})
  .describe('projector and predictor, used in training only');

export const frozenPatches = z
  .boolean()
  .default(true)
  .describe('whether the patch projection stays random, for stable training (MoCo v3)');

export const augmentation = augmentationSchema
  .optional()
  .describe("colour changes of all views; default the paper's");

/** A paper's recipes with a config's crop, flip and photometric changes. */
export function asConfigured(
  recipes: readonly ViewRecipe[],
  { crop, flip }: ViewContext<unknown>['data'],
  changes: Augmentation = {},
): ViewRecipe[] {
  return recipes.map((recipe) =>
    withAugmentation({ ...recipe, crop, flip: flip ? recipe.flip : 0 }, changes),
  );
}
