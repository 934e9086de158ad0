import { CoupletError } from '../errors.ts';
import type { AnyClipSpec, ClipSpec, ImageSpec } from './clip.ts';
import type { ResNetSpec } from './resnet.ts';
import type { TextSpec } from './text.ts';
import type { VitSpec } from './vit.ts';

const CLIP_TEXT = { contextLength: 77, vocabSize: 49408 };

/** Touvron et al. 2021 (Ti, S); Dosovitskiy et al. 2021 (B). */
const VIT = {
  Ti: { width: 192, heads: 3 },
  S: { width: 384, heads: 6 },
  B: { width: 768, heads: 12 },
} as const;

function vit(size: keyof typeof VIT, patchSize: number): VitSpec {
  return {
    ...VIT[size],
    imageSize: 224,
    patchSize,
    layers: 12,
    mlpRatio: 4,
    pool: 'class',
    positionEmbedding: 'learned',
  };
}

function text(width: number): TextSpec {
  return { ...CLIP_TEXT, width, heads: width / 64, layers: 12 };
}

/** ViT models by open_clip's names; `tiny` is for two cores and for tests. */
export const clipModels: Record<string, ClipSpec> = {
  'ViT-B-32': { embedDim: 512, image: vit('B', 32), text: text(512) },
  'ViT-B-16': { embedDim: 512, image: vit('B', 16), text: text(512) },
  'ViT-S-16': { embedDim: 384, image: vit('S', 16), text: text(384) },
  'ViT-Ti-16': { embedDim: 192, image: vit('Ti', 16), text: text(192) },
  tiny: {
    embedDim: 128,
    image: {
      imageSize: 48,
      patchSize: 8,
      width: 128,
      layers: 4,
      heads: 4,
      mlpRatio: 4,
      pool: 'mean',
      positionEmbedding: 'learned',
    },
    text: { contextLength: 24, vocabSize: 4096, width: 128, heads: 4, layers: 2 },
  },
};

/** ResNet models by open_clip's names. */
export const resnetClipModels: Record<string, ClipSpec<ResNetSpec>> = {
  RN50: {
    embedDim: 1024,
    image: { type: 'resnet', imageSize: 224, layers: [3, 4, 6, 3], width: 64, heads: 32 },
    text: text(512),
  },
};

const models: Record<string, AnyClipSpec> = { ...clipModels, ...resnetClipModels };

export type AnyModelSpec = AnyClipSpec | ImageModelSpec;

export interface ImageModelSpec {
  image: ImageSpec;
}

export function hasTexts(model: AnyModelSpec): model is AnyClipSpec {
  return 'text' in model;
}

/** A named model's spec, or the given spec. Throws a CoupletError for an unknown name. */
export function modelSpec(model: string | AnyClipSpec): AnyClipSpec;
export function modelSpec(model: string | AnyModelSpec): AnyModelSpec;
export function modelSpec(model: string | AnyModelSpec): AnyModelSpec {
  if (typeof model !== 'string') return model;
  const spec = models[model];
  if (!spec)
    throw new CoupletError(
      `model: there is no model named ${model}; known: ${Object.keys(models).join(', ')}. Use one of these, or give the sizes yourself.`,
    );
  return spec;
}
