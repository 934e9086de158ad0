// Numbers are from the authors' code, ratio limits from torchvision.
import { CoupletError } from '../errors.ts';
import type { BlurRecipe, ColorJitterRecipe, ViewRecipe } from './recipe.ts';

const CROP_RATIO: [number, number] = [3 / 4, 4 / 3];
const FLIP_PROBABILITY = 0.5;

/** BYOL's, also in MoCo v3 and DINO. */
const mildJitter = (): ColorJitterRecipe => ({
  probability: 0.8,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.2,
  hue: 0.1,
});

/** All three papers draw sigma from [0.1, 2] pixels at 224. */
const blurWith = (probability: number): BlurRecipe => ({ probability, sigma: [0.1, 2] });

/**
 * MoCo v3 (Chen et al., 2021; facebookresearch/moco-v3, main_moco.py).
 * @param size side of a view in pixels; 224 in the paper
 * @equation FastCL 7.1: crops, colours and blur of each paper
 */
export function mocoV3Recipes(size: number): [ViewRecipe, ViewRecipe] {
  const shared = () => ({
    size,
    crop: {
      scale: [0.08, 1] as [number, number],
      ratio: [...CROP_RATIO] as [number, number],
      interpolation: 'bilinear' as const,
    },
    flip: FLIP_PROBABILITY,
    colorJitter: mildJitter(),
    grayscale: 0.2,
  });
  return [
    { ...shared(), blur: blurWith(1) },
    { ...shared(), blur: blurWith(0.1), solarize: 0.2 },
  ];
}

/**
 * SimCLR (Chen et al., 2020; google-research/simclr, data_util.py). Its code has contrast about each channel's
 * mean, ours, like torchvision, about the mean gray value.
 * @param size side of a view in pixels; 224 in the paper
 * @param options.strength of the jitter; 0.5 in the paper's CIFAR-10 runs
 * @param options.blur false in the paper's CIFAR-10 runs
 * @throws CoupletError for a strength outside 0 to 2.5
 * @equation FastCL 7.1: crops, colours and blur of each paper
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
    crop: { scale: [0.08, 1], ratio: [...CROP_RATIO], interpolation: 'bicubic' },
    flip: FLIP_PROBABILITY,
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

export interface DinoCrops {
  /** Pixels; 224 in the paper. */
  globalSize: number;
  /** Pixels; 96 in the paper. */
  localSize: number;
  /** Default 8. */
  localCrops?: number;
  /** Share of the area; default [0.4, 1], in long runs [0.25, 1]. */
  globalScale?: readonly [number, number];
  /** Default [0.05, 0.4], in long runs [0.05, 0.25]. */
  localScale?: readonly [number, number];
}

/** DINO (Caron et al., 2021; facebookresearch/dino, main_dino.py): two global views, then local ones. */
export function dinoRecipes(crops: DinoCrops): ViewRecipe[] {
  const { globalSize, localSize, localCrops = 8, globalScale = [0.4, 1], localScale = [0.05, 0.4] } = crops;
  const view = (size: number, scale: readonly [number, number]) => ({
    size,
    crop: {
      scale: [...scale] as [number, number],
      ratio: [...CROP_RATIO] as [number, number],
      interpolation: 'bicubic' as const,
    },
    flip: FLIP_PROBABILITY,
    colorJitter: mildJitter(),
    grayscale: 0.2,
  });
  return [
    { ...view(globalSize, globalScale), blur: blurWith(1) },
    { ...view(globalSize, globalScale), blur: blurWith(0.1), solarize: 0.2 },
    ...Array.from({ length: localCrops }, () => ({ ...view(localSize, localScale), blur: blurWith(0.5) })),
  ];
}
