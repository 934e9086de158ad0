// Views that go through the same kernels together: on a GPU a batch of small pictures takes as long as its launches.
import type { ViewRecipe } from './recipe.ts';

/**
 * Positions of views whose recipes have the same key, in order.
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

/** Arrays one after the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
