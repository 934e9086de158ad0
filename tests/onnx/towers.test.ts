// Each tower's graph in onnxruntime-web against Couplet's own forward pass.
import { describe, expect, test } from 'vitest';
import type { AnyClipSpec, ImageSpec } from '../../src/models/clip.ts';
import type { VitSpec } from '../../src/models/vit.ts';
import type { OnnxTensor } from '../../src/onnx/index.ts';
import { difference, encoder, idsOf, pair, pixelsOf, runOnnx, unit } from './harness.ts';

/** What exports promise for float32. */
const BAR = 1e-4;

const VIT: VitSpec = {
  imageSize: 24,
  patchSize: 8,
  width: 24,
  layers: 2,
  heads: 3,
  mlpRatio: 2,
  pool: 'class',
  positionEmbedding: 'learned',
};
const TEXT = { contextLength: 7, vocabSize: 30, width: 16, heads: 2, layers: 2 };
const clip = (image: ImageSpec): AnyClipSpec => ({ embedDim: 12, image, text: TEXT });

const IMAGES: [string, ImageSpec][] = [
  ['ViT, class token', VIT],
  ['ViT, mean of patches', { ...VIT, pool: 'mean' }],
  ['ViT, fixed positions', { ...VIT, positionEmbedding: 'sincos', mlpRatio: 4 }],
  ['ViT, QuickGELU', { ...VIT, activation: 'quick-gelu' }],
  ['ViT, GELU by tanh, other epsilon', { ...VIT, activation: 'gelu-tanh', normEps: 1e-2 }],
  [
    'ViT, no class token, no norm before the blocks',
    { ...VIT, classToken: false, preNorm: false, pool: 'mean' },
  ],
  ['ViT, registers, LayerScale', { ...VIT, registers: 3, layerScale: true, pool: 'mean' }],
  ['ViT, registers without a class token', { ...VIT, registers: 2, classToken: false, pool: 'attention' }],
  [
    'ViT of SigLIP',
    {
      ...VIT,
      width: 12,
      heads: 2,
      pool: 'attention',
      activation: 'gelu-tanh',
      normEps: 1e-6,
      ...{ classToken: false, preNorm: false, patchBias: true, projection: false },
    },
  ],
  ['ResNet', { type: 'resnet', imageSize: 64, layers: [1, 2, 1, 1], width: 4, heads: 4 }],
];

describe('image towers of pairs', () => {
  test.each(IMAGES)('%s, for any batch', async (_, image) => {
    const { images, ...model } = pair(clip(image));
    for (const batch of [1, 3]) {
      const pixels = pixelsOf(batch, image.imageSize);
      const [outputs] = await runOnnx({ ...model, part: 'image' }, { pixel_values: pixels });
      expect(Object.keys(outputs!)).toEqual(['image_embeds']);
      expect(difference(unit(outputs!.image_embeds!), images(pixels))).toBeLessThan(BAR);
    }
  });
});

describe('text towers', () => {
  const { texts, ...model } = pair(clip(VIT));
  const run = (...ids: ReturnType<typeof idsOf>[]) =>
    runOnnx({ ...model, part: 'text' }, ...ids.map((input_ids) => ({ input_ids })));

  test('for any batch and length', async () => {
    const all = [
      idsOf([1, 29]),
      idsOf([1, 5, 9, 29, 0], [1, 29, 0, 0, 0], [1, 7, 7, 3, 29]),
      idsOf([1, 2, 3, 4, 5, 6, 29]),
    ];
    for (const [i, outputs] of (await run(...all)).entries())
      expect(difference(unit(outputs.text_embeds!), texts(all[i]!))).toBeLessThan(BAR);
  });

  test('what stands after the end is not read, nor is padding by the end token', async () => {
    const [short, zeros, ends] = await run(
      idsOf([1, 5, 29]),
      idsOf([1, 5, 29, 0, 0]),
      idsOf([1, 5, 29, 29, 29]),
    );
    for (const padded of [zeros, ends])
      expect(difference(padded!.text_embeds!, short!.text_embeds!)).toBeLessThan(1e-6);
  });
});

describe("SigLIP's text tower", () => {
  const text = { ...TEXT, causal: false, pool: 'last', projectionBias: true, normEps: 1e-6 } as const;
  const { texts, ...model } = pair({
    ...clip(VIT),
    text: { ...text, activation: 'gelu-tanh', mlpRatio: 3, padId: 1 },
  });

  test('reads the last token, and all see all; names are its own', async () => {
    const ids = idsOf([5, 6, 7, 1, 1, 1, 1], [8, 9, 1, 1, 1, 1, 1]);
    const [out] = await runOnnx({ ...model, part: 'text', family: 'siglip' }, { input_ids: ids });
    expect(Object.keys(out!)).toEqual(['last_hidden_state', 'pooler_output']);
    expect(out!.last_hidden_state!.shape).toEqual([2, 7, 16]);
    expect(difference(unit(out!.pooler_output!), texts(ids))).toBeLessThan(BAR);
  });
});

describe('both towers', () => {
  test.each([['clip'], ['siglip']] as const)('%s: features and similarities', async (family) => {
    const { images, texts, ...model } = pair(clip(VIT));
    const bias = family === 'siglip' ? -3 : 0;
    if (family === 'siglip')
      model.weights.set('logit_bias', {
        dtype: 'float32',
        shape: [],
        data: new Uint8Array(Float32Array.of(bias).buffer),
      });
    const [pixels, ids] = [pixelsOf(2, VIT.imageSize), idsOf([1, 5, 29], [1, 29, 0], [1, 4, 29])];
    const mask: Record<string, OnnxTensor> =
      family === 'clip' ? { attention_mask: idsOf([1, 1, 1], [1, 1, 0], [1, 1, 1]) } : {};
    const [out] = await runOnnx(
      { ...model, part: 'joint', family },
      { pixel_values: pixels, input_ids: ids, ...mask },
    );
    const [image, text] = [images(pixels), texts(ids)];
    expect(difference(out!.image_embeds!, image)).toBeLessThan(BAR);
    expect(difference(out!.text_embeds!, text)).toBeLessThan(BAR);
    const logit = (i: number, t: number) => {
      let dot = 0;
      for (let e = 0; e < 12; e++) dot += Number(image.data[i * 12 + e]) * Number(text.data[t * 12 + e]);
      return dot / 0.07 + bias;
    };
    const pairs = [0, 1].flatMap((i) => [0, 1, 2].map((t) => [i, t] as const));
    for (const [i, t] of pairs) {
      expect(out!.logits_per_image!.data[i * 3 + t]).toBeCloseTo(logit(i, t), 3);
      expect(out!.logits_per_text!.data[t * 2 + i]).toBeCloseTo(logit(i, t), 3);
    }
  });
});

describe('encoders of pictures alone', () => {
  test.each<[string, Partial<VitSpec>, number]>([
    ['class', {}, 10],
    ['mean', { pool: 'mean' }, 10],
    ['DINOv2 with registers', { registers: 4, layerScale: true, normEps: 1e-6 }, 14],
    ['attention', { pool: 'attention', classToken: false }, 9],
  ])('%s', async (_, change, tokens) => {
    const { images, ...model } = encoder({ ...VIT, ...change });
    const pixels = pixelsOf(2, VIT.imageSize);
    const [out] = await runOnnx({ ...model, part: 'encoder' }, { pixel_values: pixels });
    expect(Object.keys(out!)).toEqual(['last_hidden_state', 'pooler_output']);
    expect(out!.last_hidden_state!.shape).toEqual([2, tokens, 24]);
    expect(difference(out!.pooler_output!, images(pixels))).toBeLessThan(BAR);
  });
});

test("an encoder's tensors may stand behind another prefix", async () => {
  const { images, spec, weights } = encoder(VIT);
  const named = [...weights].map(([name, each]) => [`teacher.${name}`, each] as const);
  const pixels = pixelsOf(1, VIT.imageSize);
  const options = { spec, weights: new Map(named), part: 'encoder', prefix: 'teacher.backbone.' } as const;
  const [out] = await runOnnx(options, { pixel_values: pixels });
  expect(difference(out!.pooler_output!, images(pixels))).toBeLessThan(BAR);
});

describe('refusals', () => {
  const { spec, weights } = pair(clip(VIT));
  const write = (change: Partial<typeof spec>, tensors = weights) =>
    runOnnx({ spec: { ...spec, ...change }, weights: tensors, part: 'joint' });

  test.each([
    [
      'a missing tensor',
      { image: { ...VIT, layers: 3 } },
      /no tensor visual.transformer.resblocks.2.ln_1.weight/,
    ],
    ['a tensor too many', { image: { ...VIT, layers: 1 } }, /12 tensors have no place.*resblocks.1/],
    ['a part too many', { image: { ...VIT, projection: false } }, /1 tensors have no place.*visual.proj/],
    [
      'a register too few',
      { image: { ...VIT, registers: 1 } },
      /no tensor visual.registers, expected \[1, 24\]/,
    ],
    ['heads that do not divide', { image: { ...VIT, heads: 5 } }, /5 heads do not divide the width 24/],
    ['patches that do not divide', { image: { ...VIT, patchSize: 7 } }, /7, 7\]|size 7 does not divide/],
    ['a huge depth', { image: { ...VIT, layers: 1000 } }, /no tensor visual.transformer.resblocks.2/],
    [
      'a huge context',
      { text: { ...TEXT, contextLength: 65_536 } },
      /positional_embedding is \[7, 16\], expected \[65536, 16\]/,
    ],
    ['another shape', { image: { ...VIT, patchSize: 12 } }, /is \[24, 3, 8, 8\], expected \[24, 3, 12, 12\]/],
    ['another width', { embedDim: 13 }, /visual.proj is \[24, 12\], expected \[24, 13\]/],
  ])('%s', async (_, change, message) => {
    await expect(write(change)).rejects.toThrow(message);
  });

  test('a tensor whose bytes do not match its shape', async () => {
    const cut = new Map(weights).set('ln_final.bias', {
      ...weights.get('ln_final.bias')!,
      data: new Uint8Array(3),
    });
    await expect(write({}, cut)).rejects.toThrow(/ln_final.bias.*3/);
  });
});
