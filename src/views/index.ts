export { type Augmentation, augmentationSchema, withAugmentation } from './augmentation.ts';
export { drawPhotometric } from './draws.ts';
export { applyPhotometric, applyToViews } from './photometric.ts';
export { type BlurRecipe, type ColorJitterRecipe, isPhotometric, type ViewRecipe } from './recipe.ts';
export { type DinoCrops, dinoRecipes, mocoV3Recipes, simclrRecipes } from './recipes.ts';
