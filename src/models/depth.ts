// Where a parameter of a model lies, by its name in a checkpoint. Freezing and rates by depth read it.
import type { ImageSpec } from './clip.ts';
import { type AnyModelSpec, hasTexts } from './registry.ts';

export type Tower = 'image' | 'text';

export interface Place {
  tower: Tower;
  /** 0: embeddings; 1 to L: blocks, or the four stages of a ResNet; L + 1: all after them. */
  depth: number;
}

/** open_clip's names, and timm's in nets of self-supervised methods. */
const IMAGE = /^(visual|backbone)\./;
const TEXT = /^(transformer\.|positional_embedding$|token_embedding\.|ln_final\.|text_)/;

/** Behind a tower: it learns where the tower is frozen. */
const HEAD = /^(visual\.head|text_head)\./;

const BLOCK = /(?:^|\.)(?:res)?blocks\.(\d+)\./;
const STAGE = /^layer(\d)\./;
const RESNET_STEM = /^(conv|bn)\d\./;
/** Patch projection, class token, registers, positions, words, and the norm before the first block. */
const EMBEDDING =
  /^(conv1\.|patch_embed\.|class_embedding$|cls_token$|registers$|reg_token$|positional_embedding$|pos_embed$|token_embedding\.|ln_pre\.|norm_pre\.)/;

/** L: blocks of a tower, stages of a ResNet. 0 for a tower that the model lacks. */
export function depthOf(model: AnyModelSpec, tower: Tower): number {
  if (tower === 'text') return hasTexts(model) ? model.text.layers : 0;
  const { layers } = model.image;
  return typeof layers === 'number' ? layers : layers.length;
}

/** Whether a tensor belongs to a head behind a tower. */
export const isHead = (name: string): boolean => HEAD.test(name);

export function hasHead(model: AnyModelSpec, tower: Tower): boolean {
  if (!hasTexts(model)) return false;
  return (tower === 'image' ? model.image : model.text).head !== undefined;
}

/** undefined: in no tower (heads of a tower or a method, logit scale and bias, copies of nets). */
export function placeOf(name: string, model: AnyModelSpec): Place | undefined {
  if (isHead(name)) return undefined;
  if (IMAGE.test(name)) return { tower: 'image', depth: imageDepth(name.replace(IMAGE, ''), model) };
  if (!hasTexts(model) || !TEXT.test(name)) return undefined;
  return { tower: 'text', depth: transformerDepth(name) ?? depthOf(model, 'text') + 1 };
}

function imageDepth(name: string, model: AnyModelSpec): number {
  return depthIn(name, model.image) ?? depthOf(model, 'image') + 1;
}

function depthIn(name: string, { type }: ImageSpec): number | undefined {
  if (type !== 'resnet') return transformerDepth(name);
  if (RESNET_STEM.test(name)) return 0;
  const stage = STAGE.exec(name)?.[1];
  return stage === undefined ? undefined : Number(stage);
}

function transformerDepth(name: string): number | undefined {
  if (EMBEDDING.test(name)) return 0;
  const block = BLOCK.exec(name)?.[1];
  return block === undefined ? undefined : Number(block) + 1;
}
