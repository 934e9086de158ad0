export type { Augmentation } from './augmentation.ts';
export { drawPhotometric } from './draws.ts';
export { applyPhotometric, applyToViews } from './photometric.ts';
export type { BlurRecipe, ColorJitterRecipe, ViewRecipe } from './recipe.ts';
export { type DinoCrops, dinoRecipes, mocoV3Recipes, simclrRecipes } from './recipes.ts';
