import { describe, expect, test } from 'vitest';
import { CoupletError } from '../../src/errors.ts';
import { Clip, type ClipSpec } from '../../src/models/clip.ts';
import { clipModels, modelSpec } from '../../src/models/registry.ts';
import { memoryStats } from '../../src/torch/index.ts';

/** What open_clip's state dicts have. */
const TENSORS: Record<string, number> = { 'ViT-B-32': 302, 'ViT-B-16': 302 };
const PARAMETERS: Record<string, number> = { 'ViT-B-32': 151_277_313, 'ViT-B-16': 149_620_737 };

/** open_clip's names, written out (ViT, no bias in conv1). */
function openClipNames(layers: { image: number; text: number }): string[] {
  const block = (prefix: string, count: number) =>
    Array.from({ length: count }).flatMap((_, i) =>
      [
        'ln_1.weight',
        'ln_1.bias',
        'attn.in_proj_weight',
        'attn.in_proj_bias',
        'attn.out_proj.weight',
        'attn.out_proj.bias',
        'ln_2.weight',
        'ln_2.bias',
        'mlp.c_fc.weight',
        'mlp.c_fc.bias',
        'mlp.c_proj.weight',
        'mlp.c_proj.bias',
      ].map((name) => `${prefix}transformer.resblocks.${i}.${name}`),
    );
  return [
    'positional_embedding',
    'text_projection',
    'logit_scale',
    'token_embedding.weight',
    'ln_final.weight',
    'ln_final.bias',
    'visual.class_embedding',
    'visual.positional_embedding',
    'visual.proj',
    'visual.conv1.weight',
    'visual.ln_pre.weight',
    'visual.ln_pre.bias',
    'visual.ln_post.weight',
    'visual.ln_post.bias',
    ...block('', layers.text),
    ...block('visual.', layers.image),
  ].sort();
}

/** Weights of a transformer's layers: four matrices of 12 width^2 in all, their biases, two norms. */
const layersOf = ({ width, layers }: { width: number; layers: number }) =>
  layers * (12 * width ** 2 + 13 * width);

function count({ embedDim, image, text }: ClipSpec): number {
  const patches = (image.imageSize / image.patchSize) ** 2;
  const imageEnds = image.width * (1 + (1 + patches) + embedDim + 3 * image.patchSize ** 2 + 4);
  const textEnds = text.width * (text.vocabSize + text.contextLength + embedDim + 2);
  return imageEnds + layersOf(image) + textEnds + layersOf(text) + 1;
}

describe.each(Object.entries(clipModels))('%s', (name, spec) => {
  test("has open_clip's names, shapes and count of parameters", () => {
    const before = memoryStats().liveTensors;
    const clip = new Clip(spec, { seed: 0, device: 'meta' }); // shapes without memory
    const params = clip.namedParameters();
    expect([...params.keys()].sort()).toEqual(
      openClipNames({ image: spec.image.layers, text: spec.text.layers }),
    );
    expect(params.size).toBe(TENSORS[name] ?? 14 + 12 * (spec.image.layers + spec.text.layers));
    const total = [...params.values()].reduce((sum, tensor) => sum + tensor.size, 0);
    expect(total).toBe(count(spec));
    if (name in PARAMETERS) expect(total).toBe(PARAMETERS[name]);
    expect([...params.values()].every((tensor) => tensor.requiresGrad)).toBe(true);
    const { width, patchSize } = spec.image;
    expect(params.get('visual.conv1.weight')!.shape).toEqual([width, 3, patchSize, patchSize]);
    expect(params.get('visual.proj')!.shape).toEqual([width, spec.embedDim]);
    expect(params.get('text_projection')!.shape).toEqual([spec.text.width, spec.embedDim]);
    expect(params.get('logit_scale')!.shape).toEqual([]);
    clip.dispose();
    expect(memoryStats().liveTensors).toBe(before);
  });

  test('has heads that divide the width, and patches that divide the image', () => {
    for (const tower of [spec.image, spec.text]) expect(tower.width % tower.heads).toBe(0);
    expect(spec.image.imageSize % spec.image.patchSize).toBe(0);
  });
});

test('a name that is not known is answered with those that are; a spec is taken as it is', () => {
  expect(() => modelSpec('ViT-B-31')).toThrow(CoupletError);
  expect(() => modelSpec('ViT-B-31')).toThrow(/ViT-B-31.*ViT-B-32/);
  expect(modelSpec(clipModels.tiny)).toBe(clipModels.tiny);
  expect(modelSpec('tiny')).toBe(clipModels.tiny);
});
