import { afterAll, expect, test } from 'vitest';
import { findMethod } from '../methods/index.ts';
import { alone } from '../ranks/index.ts';
import { type AnyClipSpec, Clip } from './clip.ts';
import { depthOf, placeOf } from './depth.ts';
import { checkFreeze, frozenNames } from './freeze.ts';
import type { AnyModelSpec } from './registry.ts';

const image = {
  imageSize: 16,
  patchSize: 8,
  width: 16,
  layers: 2,
  heads: 2,
  mlpRatio: 2,
  pool: 'class',
  positionEmbedding: 'learned',
} as const;
const text = { contextLength: 6, vocabSize: 32, width: 16, heads: 2, layers: 3 };
const clip = { embedDim: 8, image, text };
const resnet = {
  embedDim: 8,
  image: { type: 'resnet', imageSize: 32, layers: [1, 2, 1, 1], width: 4, heads: 2 },
  text,
} as const;

const open: { dispose(): void }[] = [];
afterAll(() => {
  for (const each of open) each.dispose();
});

function namesOf(model: AnyClipSpec): string[] {
  const made = new Clip(model, { seed: 1 });
  open.push(made);
  return [...made.namedParameters().keys()];
}

/** Names by tower and depth, those of a block without what follows its number. */
function byPlace(names: readonly string[], model: AnyModelSpec): Record<string, string[]> {
  const places: Record<string, Set<string>> = {};
  for (const name of names) {
    const place = placeOf(name, model);
    const key = place ? `${place.tower} ${place.depth}` : 'none';
    places[key] ??= new Set();
    places[key].add(name.replace(/(blocks\.\d+|layer\d).*/, '$1'));
  }
  return Object.fromEntries(Object.entries(places).map(([key, set]) => [key, [...set].sort()]));
}

test("both towers of a CLIP: each parameter's place", () => {
  expect(byPlace(namesOf(clip), clip)).toEqual({
    'image 0': [
      'visual.class_embedding',
      'visual.conv1.weight',
      'visual.ln_pre.bias',
      'visual.ln_pre.weight',
      'visual.positional_embedding',
    ],
    'image 1': ['visual.transformer.resblocks.0'],
    'image 2': ['visual.transformer.resblocks.1'],
    'image 3': ['visual.ln_post.bias', 'visual.ln_post.weight', 'visual.proj'],
    'text 0': ['positional_embedding', 'token_embedding.weight'],
    'text 1': ['transformer.resblocks.0'],
    'text 2': ['transformer.resblocks.1'],
    'text 3': ['transformer.resblocks.2'],
    'text 4': ['ln_final.bias', 'ln_final.weight', 'text_projection'],
    none: ['logit_scale'],
  });
});

test('a ResNet: its stages are its depths, and the attention pool comes after them', () => {
  const { 'image 0': stem, ...rest } = byPlace(namesOf(resnet), resnet);
  expect(stem).toEqual(
    [1, 2, 3].flatMap((n) => [`visual.bn${n}.bias`, `visual.bn${n}.weight`, `visual.conv${n}.weight`]).sort(),
  );
  for (const stage of [1, 2, 3, 4]) expect(rest[`image ${stage}`]).toEqual([`visual.layer${stage}`]);
  expect(rest['image 5'].every((name) => name.startsWith('visual.attnpool.'))).toBe(true);
  expect([depthOf(resnet, 'image'), depthOf(resnet, 'text')]).toEqual([4, 3]);
});

test('registers are embeddings, factors of branches belong to blocks, and an attention pool comes after them', () => {
  const spec = {
    ...image,
    pool: 'attention',
    classToken: false,
    registers: 2,
    layerScale: true,
    projection: false,
  } as const;
  const model = { embedDim: 16, image: spec, text: { ...text, projectionBias: true } };
  const places = byPlace(namesOf(model), model);
  expect(places['image 0']).toContain('visual.registers');
  expect(places['image 1']).toEqual(['visual.transformer.resblocks.0']);
  expect(places['image 3'].every((name) => /visual\.(attn_pool|ln_post)\./.test(name))).toBe(true);
  expect(places['text 4']).toContain('text_projection_bias');
  expect(places.none).toEqual(['logit_scale']);
});

test("a self-supervised method's net: the backbone, but neither heads nor the copy that follows", () => {
  const { options, create } = findMethod('moco-v3');
  const method = create({
    options: options.parse({ name: 'moco-v3', heads: { hidden: 8, embedDim: 8 }, frozenPatches: false }),
    model: { image: { ...image, registers: 1 } },
    datasetSize: 10,
    seed: 1,
    device: 'cpu',
    precision: 'float32',
    pixels: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    optimizer: { peakLr: 1, beta1: 0.9, beta2: 0.98, eps: 1e-6 },
    ranks: alone,
  });
  open.push(method);
  const { none, ...rest } = byPlace([...method.model.keys()], { image });
  expect(rest).toEqual({
    'image 0': [
      'backbone.cls_token',
      'backbone.patch_embed.proj.bias',
      'backbone.patch_embed.proj.weight',
      'backbone.pos_embed',
      'backbone.reg_token',
    ],
    'image 1': ['backbone.blocks.0'],
    'image 2': ['backbone.blocks.1'],
    'image 3': ['backbone.norm.bias', 'backbone.norm.weight'],
  });
  expect(none.every((name) => /^(projector|predictor|momentum_encoder)\./.test(name))).toBe(true);
});

test('a number freezes the embeddings and so many blocks; all freezes the whole tower', () => {
  const names = namesOf(clip);
  const frozen = (freeze: object) =>
    Object.keys(byPlace([...frozenNames(names, { freeze, model: clip })], clip)).sort();
  expect(frozen({ image: 0 })).toEqual(['image 0']);
  expect(frozen({ image: 1, text: 2 })).toEqual(['image 0', 'image 1', 'text 0', 'text 1', 'text 2']);
  expect(frozen({ text: 'all' })).toEqual(['text 0', 'text 1', 'text 2', 'text 3', 'text 4']);
  expect(frozen({})).toEqual([]);
});

test.each([
  [{ image: 3 }, clip, 'model.freeze.image is 3, but the tower has 2 blocks: give at most 2'],
  [{ image: 5 }, resnet, 'but the tower has 4 stages: give at most 4'],
  [{ text: 1 }, { image }, 'model.freeze.text: method dino trains no text tower'],
  [{ image: 'all', text: 'all' }, clip, 'nothing of the model to train'],
  [{ image: 'all' }, { image }, 'nothing of the model to train by method dino'],
] as const)('%j is refused', (freeze, model, message) => {
  expect(() => checkFreeze(freeze, { model, method: 'dino' })).toThrow(message);
});

test.each([
  [{ image: 'all' }, clip],
  [{ image: 2, text: 3 }, clip],
  [{ image: 2 }, { image }],
  [{ text: 'all', image: 4 }, resnet],
] as const)('%j is possible', (freeze, model) => {
  expect(() => checkFreeze(freeze, { model, method: 'clip' })).not.toThrow();
});
