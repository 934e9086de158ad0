/** How one view is made. Plain data. */
export interface ViewRecipe {
  /** Side in pixels. */
  size: number;
  /** `scale`: share of the area, `ratio`: width / height; both [min, max]. */
  crop: { scale: [number, number]; ratio: [number, number]; interpolation: 'bicubic' | 'bilinear' };
  /** Probability of mirroring left to right. */
  flip: number;
  colorJitter?: ColorJitterRecipe;
  /** Probability. */
  grayscale?: number;
  blur?: BlurRecipe;
  /** Probability. */
  solarize?: number;
}

/** A factor is uniform in [max(0, 1 - strength), 1 + strength], the hue's shift in [-hue, hue] turns. */
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
  /** [min, max], in pixels of the view. */
  sigma: [number, number];
}

/** Whether any step comes after crop and flip. */
export function isPhotometric({ colorJitter, grayscale, blur, solarize }: ViewRecipe): boolean {
  return [colorJitter?.probability, grayscale, blur?.probability, solarize].some((share) => (share ?? 0) > 0);
}

/**
 * Indices of views whose recipes have the same key: on a GPU, launches cost more than small pictures.
 * @param options.maxViews rounded down, at least one
 */
export function groupViews(
  recipes: readonly ViewRecipe[],
  { key, maxViews }: { key: (recipe: ViewRecipe) => string; maxViews: (recipe: ViewRecipe) => number },
): number[][] {
  const groups: number[][] = [];
  const openGroups = new Map<string, number[]>();
  for (const [view, recipe] of recipes.entries()) {
    const groupKey = key(recipe);
    let group = openGroups.get(groupKey);
    if (!group || group.length + 1 > maxViews(recipe)) {
      group = [];
      groups.push(group);
      openGroups.set(groupKey, group);
    }
    group.push(view);
  }
  return groups;
}
