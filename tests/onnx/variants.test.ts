import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type AnyClipSpec, Clip } from '../../src/models/clip.ts';
import { clipModels, resnetClipModels } from '../../src/models/registry.ts';
import { type Agreement, type VariantName, variants, writeCheckedOnnx } from '../../src/onnx/index.ts';
import { buildPart } from '../../src/onnx/parts.ts';
import { Weights } from '../../src/onnx/weights.ts';
import { difference, folder, idsOf, pair, pixelsOf, runOnnx, unit } from './harness.ts';

const SPEC: AnyClipSpec = {
  embedDim: 32,
  image: {
    imageSize: 32,
    patchSize: 8,
    width: 96,
    layers: 4,
    heads: 3,
    mlpRatio: 4,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: 12, vocabSize: 200, width: 64, heads: 2, layers: 3 },
};
const RESNET: AnyClipSpec = {
  ...SPEC,
  image: { type: 'resnet', imageSize: 64, layers: [1, 1, 1, 1], width: 8, heads: 8 },
};

/** What exports promise; for int4 what random weights reach, which are harder than trained ones. */
const COSINE = { fp32: 0.999999, fp16: 0.9999, q8: 0.99, q4: 0.95 };

describe.each(Object.keys(COSINE) as VariantName[])('%s', (variant) => {
  const bar = COSINE[variant];

  test.each([
    ['ViT', SPEC],
    ['ResNet', RESNET],
  ])("the features of a %s and of texts have a cosine of at least the variant's", async (_, spec) => {
    const { images, texts, weights } = pair(spec);
    const pixels = pixelsOf(4, spec.image.imageSize);
    const ids = idsOf([1, 5, 9, 199, 0], [1, 2, 3, 4, 199], [1, 199, 0, 0, 0]);
    const samples = [
      {
        inputs: { pixel_values: pixels, input_ids: ids, attention_mask: ids },
        features: { image_embeds: images(pixels), text_embeds: texts(ids) },
      },
    ];
    const options = { spec, weights, variant, part: 'joint', samples } as const;
    const result = await writeCheckedOnnx(join(folder(), 'model.onnx'), options);
    const { agreement } = result as { agreement: Agreement };
    expect(agreement.rows).toBe(7);
    expect(agreement.lowest).toBeGreaterThan(bar);
    expect(agreement.cosine).toBeGreaterThanOrEqual(agreement.lowest);
  });

  test('a row does not depend on the others', async () => {
    const { weights } = pair(SPEC);
    const pixels = pixelsOf(3, 32);
    const size = 3 * 32 * 32;
    const loud = Float32Array.from(pixels.data as Float32Array, (v, i) => (i < size ? v : 50 * v));
    const [alone, among] = await runOnnx(
      { spec: SPEC, weights, variant, part: 'image' },
      { pixel_values: { shape: [1, 3, 32, 32], data: loud.slice(0, size) } },
      { pixel_values: { shape: [3, 3, 32, 32], data: loud } },
    );
    const first = { shape: [1, 32], data: among!.image_embeds!.data.slice(0, 32) as Float32Array };
    // Sums in another order; a half has 11 bits.
    expect(difference(unit(first), unit(alone!.image_embeds!))).toBeLessThan(
      variant === 'fp16' ? 1e-2 : 1e-5,
    );
  });
});

/** Bytes of a model's file, without writing it. */
function bytesOf(spec: AnyClipSpec, variant: VariantName): number {
  const tensors = new Clip(spec, { seed: 0, device: 'meta' }).namedTensors();
  const weights = new Weights({
    names: [...tensors.keys()],
    describe: (name) => ({ dtype: 'float32', shape: tensors.get(name)!.shape }),
    read: () => Promise.reject(new Error('nothing is read')),
  });
  const graph = buildPart(weights, { spec, part: 'joint', family: 'clip', variant: variants[variant] });
  return graph.proto('model').initializers.reduce((sum, { data }) => sum + data.length, 0);
}

test.each([
  ['ViT-B-32', clipModels['ViT-B-32']!],
  ['ViT-B-16', clipModels['ViT-B-16']!],
  ['RN50', resnetClipModels.RN50!],
])('%s: int8 takes at most 0.27 of the bytes of float32, float16 half, int4 0.2', (_, spec) => {
  const whole = bytesOf(spec, 'fp32');
  expect(bytesOf(spec, 'fp16') / whole).toBeLessThan(0.5001);
  expect(bytesOf(spec, 'q8') / whole).toBeLessThan(0.27);
  expect(bytesOf(spec, 'q4') / whole).toBeLessThan(0.21);
});

describe('a file that does not agree', () => {
  const { images, weights } = pair(SPEC);
  const pixels = pixelsOf(3, 32);
  const check = async (features: Float32Array, change: { limit?: number; name?: string } = {}) => {
    const at = folder();
    const samples = [
      {
        inputs: { pixel_values: pixels },
        features: { [change.name ?? 'image_embeds']: { shape: [3, 32], data: features } },
      },
    ];
    const options = { spec: SPEC, weights, variant: 'q8', part: 'image', samples, ...change } as const;
    return { at, result: await writeCheckedOnnx(join(at, 'vision_model_quantized.onnx'), options) };
  };

  test.each([
    ['other features', () => images(pixelsOf(3, 32, 8)).data as Float32Array],
    ['features that are not numbers', () => new Float32Array(96).fill(Number.NaN)],
  ])('%s: it is removed with its data, and the reason is said', async (_, features) => {
    const { at, result } = await check(features(), { limit: 10_000 });
    expect(result).toMatchObject({
      refused: expect.stringMatching(/^q8: the cosine .* expected at least 0.98/),
    });
    expect(readdirSync(at)).toEqual([]);
  });

  test('an output that is not there is an error', async () => {
    await expect(check(new Float32Array(96), { name: 'text_embeds' })).rejects.toThrow(
      /has no output text_embeds: it has image_embeds/,
    );
  });

  test('one that agrees stays', async () => {
    const { at, result } = await check(images(pixels).data as Float32Array);
    expect(result).toMatchObject({ file: { dataPaths: [] }, agreement: { rows: 3 } });
    expect(existsSync(join(at, 'vision_model_quantized.onnx'))).toBe(true);
  });
});
