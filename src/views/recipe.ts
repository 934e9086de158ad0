/** How one view of a picture is made: plain data. A step that is left out does nothing and costs nothing. */
export interface ViewRecipe {
  /** Side of the square view, in pixels. */
  size: number;
  /** `scale`: share of the picture's area, [least, most]. `ratio`: width over height, [least, most]. */
  crop: { scale: [number, number]; ratio: [number, number]; interpolation: 'bicubic' | 'bilinear' };
  /** Probability of a mirror image, left to right. */
  flip: number;
  colorJitter?: ColorJitterRecipe;
  /** Probability. */
  grayscale?: number;
  blur?: BlurRecipe;
  /** Probability; values from 128 on are inverted. */
  solarize?: number;
}

/** Each factor is drawn uniformly from [1 - strength, 1 + strength], not below 0; the hue's shift from [-hue, hue] of a turn. */
export interface ColorJitterRecipe {
  probability: number;
  brightness: number;
  contrast: number;
  saturation: number;
  /** At most 0.5. */
  hue: number;
}

export interface BlurRecipe {
  probability: number;
  /** Standard deviation in pixels of the view, [least, most]. */
  sigma: [number, number];
}

/** Whether a recipe has any step after the crop and the flip. */
export function isPhotometric({ colorJitter, grayscale, blur, solarize }: ViewRecipe): boolean {
  return [colorJitter?.probability, grayscale, blur?.probability, solarize].some((share) => (share ?? 0) > 0);
}

/**
 * Positions of views whose recipes have the same key, in order: they go through the same kernels together, because on a GPU a batch
 * of small pictures takes as long as its launches.
 * @param options.most how many views with a recipe may be together: rounded down, and at least one
 */
export function groupViews(
  recipes: readonly ViewRecipe[],
  { key, most }: { key: (recipe: ViewRecipe) => string; most: (recipe: ViewRecipe) => number },
): number[][] {
  const groups: number[][] = [];
  const open = new Map<string, number[]>();
  for (const [view, recipe] of recipes.entries()) {
    const name = key(recipe);
    let group = open.get(name);
    if (!group || group.length + 1 > most(recipe)) {
      group = [];
      groups.push(group);
      open.set(name, group);
    }
    group.push(view);
  }
  return groups;
}
