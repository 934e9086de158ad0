// The views of the papers, with the numbers of the authors' code. All crops have torchvision's aspect limits and mirror half.
import { CoupletError } from '../errors.ts';
import type { BlurRecipe, ColorJitterRecipe, ViewRecipe } from './recipe.ts';

const RATIO: [number, number] = [3 / 4, 4 / 3];
const FLIP = 0.5;

/** BYOL's jitter, which MoCo v3 and DINO use. */
const mildJitter = (): ColorJitterRecipe => ({
  probability: 0.8,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.2,
  hue: 0.1,
});

/** All three papers draw sigma from [0.1, 2] pixels of 224. */
const blurWith = (probability: number): BlurRecipe => ({ probability, sigma: [0.1, 2] });

/**
 * MoCo v3 (Chen et al., 2021; facebookresearch/moco-v3, main_moco.py): view 1 is always blurred, view 2 rarely, but solarized at times.
 * @param size side of a view in pixels; 224 in the paper
 */
export function mocoV3Recipes(size: number): [ViewRecipe, ViewRecipe] {
  const shared = () => ({
    size,
    crop: {
      scale: [0.08, 1] as [number, number],
      ratio: [...RATIO] as [number, number],
      interpolation: 'bilinear' as const,
    },
    flip: FLIP,
    colorJitter: mildJitter(),
    grayscale: 0.2,
  });
  return [
    { ...shared(), blur: blurWith(1) },
    { ...shared(), blur: blurWith(0.1), solarize: 0.2 },
  ];
}

/**
 * SimCLR (Chen et al., 2020; google-research/simclr, data_util.py): both views the same. Its code takes contrast about each
 * channel's own mean, ours, like torchvision, about the mean of the gray values.
 * @param size side of a view in pixels; 224 in the paper
 * @param options.strength of the jitter: 1 for ImageNet; the paper's CIFAR-10 runs take 0.5
 * @param options.blur false for small pictures, as the paper's CIFAR-10 runs (32 px)
 */
export function simclrRecipes(
  size: number,
  { strength = 1, blur = true }: { strength?: number; blur?: boolean } = {},
): [ViewRecipe, ViewRecipe] {
  if (!(strength >= 0 && strength <= 2.5)) {
    throw new CoupletError(
      `strength of SimCLR's colour jitter: expected 0 to 2.5 (the hue turns by 0.2 strength, at most half a turn), got ${strength}. The paper has 1.`,
    );
  }
  const view = (): ViewRecipe => ({
    size,
    crop: { scale: [0.08, 1], ratio: [...RATIO], interpolation: 'bicubic' },
    flip: FLIP,
    colorJitter: {
      probability: 0.8,
      brightness: 0.8 * strength,
      contrast: 0.8 * strength,
      saturation: 0.8 * strength,
      hue: 0.2 * strength,
    },
    grayscale: 0.2,
    ...(blur && { blur: blurWith(0.5) }),
  });
  return [view(), view()];
}

/** Sizes and shares of DINO's crops; see dinoRecipes. */
export interface DinoCrops {
  /** Side of a global view in pixels; 224 in the paper. */
  globalSize: number;
  /** Side of a local view in pixels; 96 in the paper. */
  localSize: number;
  /** How many local views; 8 by default. */
  localCrops?: number;
  /** Share of the area; [0.4, 1] by default, [0.25, 1] in the long runs. */
  globalScale?: readonly [number, number];
  /** Share of the area; [0.05, 0.4] by default, [0.05, 0.25] in the long runs. */
  localScale?: readonly [number, number];
}

/** DINO (Caron et al., 2021; facebookresearch/dino, main_dino.py): two global views, then the local ones. */
export function dinoRecipes(crops: DinoCrops): ViewRecipe[] {
  const { globalSize, localSize, localCrops = 8, globalScale = [0.4, 1], localScale = [0.05, 0.4] } = crops;
  const view = (size: number, scale: readonly [number, number]) => ({
    size,
    crop: {
      scale: [...scale] as [number, number],
      ratio: [...RATIO] as [number, number],
      interpolation: 'bicubic' as const,
    },
    flip: FLIP,
    colorJitter: mildJitter(),
    grayscale: 0.2,
  });
  return [
    { ...view(globalSize, globalScale), blur: blurWith(1) },
    { ...view(globalSize, globalScale), blur: blurWith(0.1), solarize: 0.2 },
    ...Array.from({ length: localCrops }, () => ({ ...view(localSize, localScale), blur: blurWith(0.5) })),
  ];
}
