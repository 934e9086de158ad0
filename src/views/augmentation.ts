import { z } from 'zod';
import type { BlurRecipe, ColorJitterRecipe, ViewRecipe } from './recipe.ts';

const share = z.number().min(0).max(1);
const strength = z.number().min(0);

const colorJitter = z.strictObject({
  probability: share.optional().describe('share of views that are changed'),
  brightness: strength.optional().describe('greatest distance of the factor from 1'),
  contrast: strength.optional().describe('greatest distance of the factor from 1'),
  saturation: strength.optional().describe('greatest distance of the factor from 1'),
  hue: z.number().min(0).max(0.5).optional().describe('greatest turn of the hue, as a part of the circle'),
});

const blur = z.strictObject({
  probability: share.optional().describe('share of views that are blurred'),
  sigma: z
    .tuple([z.number().positive(), z.number().positive()])
    .refine(([least, most]) => least <= most, { error: 'expected [least, most] in that order' })
    .optional()
    .describe('least and greatest standard deviation in pixels; the papers have [0.1, 2] at 224 pixels'),
});

/** A key that is left out keeps the method's value in each view. */
export const augmentationSchema = z.strictObject({
  colorJitter: z
    .union([z.literal(false), colorJitter])
    .optional()
    .describe('changes of brightness, contrast, saturation and hue, in random order'),
  grayscale: share.optional().describe('share of views in grey'),
  blur: z
    .union([z.literal(false), blur])
    .optional()
    .describe('Gaussian blur; false suits small pictures'),
  solarize: share.optional().describe('share of views whose bright values are inverted'),
});

export type Augmentation = z.output<typeof augmentationSchema>;

/** Defaults for steps that the method does not have. */
const DEFAULT_JITTER: ColorJitterRecipe = {
  probability: 0.8,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.2,
  hue: 0.1,
};
const DEFAULT_BLUR: BlurRecipe = { probability: 0.5, sigma: [0.1, 2] };

export function withAugmentation(recipe: ViewRecipe, overrides: Augmentation): ViewRecipe {
  const result: ViewRecipe = { ...recipe };
  if (overrides.colorJitter === false) delete result.colorJitter;
  else if (overrides.colorJitter) {
    result.colorJitter = {
      ...DEFAULT_JITTER,
      ...recipe.colorJitter,
      ...withoutUndefined(overrides.colorJitter),
    };
  }
  if (overrides.blur === false) delete result.blur;
  else if (overrides.blur)
    result.blur = { ...DEFAULT_BLUR, ...recipe.blur, ...withoutUndefined(overrides.blur) };
  if (overrides.grayscale !== undefined) result.grayscale = overrides.grayscale;
  if (overrides.solarize !== undefined) result.solarize = overrides.solarize;
  return result;
}

/** A spread would copy undefined over the method's value. */
function withoutUndefined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
