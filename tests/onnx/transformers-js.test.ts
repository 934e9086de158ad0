// @huggingface/transformers on a local folder: what its pipelines say of pictures in files, against Couplet's evaluation of them.
import { env, pipeline, RawImage } from '@huggingface/transformers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OnnxTensor } from '../../src/onnx/index.ts';
import { difference, folder, unit } from './harness.ts';
import {
  barOf,
  clip,
  IDS,
  LABELS,
  pictures,
  pixelsOf,
  SPEC,
  vit,
  writeModels,
} from './transformers-folder.ts';

const asImage = (file: Buffer) => RawImage.fromBlob(new Blob([new Uint8Array(file)]));
const asTensor = ({ dims, data }: { dims: number[]; data: unknown }): OnnxTensor => ({
  shape: dims,
  data: data as Float32Array,
});

let files: Buffer[];
beforeAll(async () => {
  env.allowRemoteModels = false;
  env.localModelPath = folder();
  env.useFSCache = false;
  files = await pictures();
  await writeModels(env.localModelPath);
});

describe('zero-shot-image-classification', () => {
  // Similarities are divided by 0.07, so small differences of features show: of pixels, then of 8 and of 4 bits.
  test.each([
    ['fp32', 5e-3],
    ['fp16', 5e-3],
    ['q8', 0.05],
    ['q4', 0.3],
  ] as const)("%s: scores are those of the run's features", async (dtype, bar) => {
    const classify = await pipeline('zero-shot-image-classification', 'clip', { dtype, device: 'cpu' });
    for (const file of files) {
      const answer = await classify(await asImage(file), LABELS, { hypothesis_template: '{}' });
      const scores = new Map(answer.map(({ label, score }) => [label, score]));
      const expected = scoresOf(clip.images(await pixelsOf(file)), clip.texts(IDS));
      LABELS.forEach((label, i) => {
        expect(Math.abs(scores.get(label)! - expected[i]!), label).toBeLessThan(bar);
      });
    }
    await classify.dispose();
  });
});

function scoresOf(image: OnnxTensor, text: OnnxTensor): number[] {
  const width = SPEC.embedDim;
  const logits = LABELS.map((_, t) => {
    let dot = 0;
    for (let e = 0; e < width; e++) dot += Number(image.data[e]) * Number(text.data[t * width + e]);
    return Math.exp(dot / 0.07);
  });
  const sum = logits.reduce((a, b) => a + b);
  return logits.map((each) => each / sum);
}

describe('image-feature-extraction', () => {
  test("a pair's image tower: the run's features", async () => {
    const extract = await pipeline('image-feature-extraction', 'clip', { dtype: 'fp32', device: 'cpu' });
    for (const file of files) {
      const features = asTensor(await extract(await asImage(file)));
      expect(difference(unit(features), clip.images(await pixelsOf(file)))).toBeLessThan(await barOf(file));
    }
    await extract.dispose();
  });

  test('an encoder alone: tokens, and pooled what the run gives', async () => {
    const extract = await pipeline('image-feature-extraction', 'vit', { dtype: 'fp32', device: 'cpu' });
    const image = await asImage(files[3]!);
    expect((await extract(image)).dims).toEqual([1, 17, 32]);
    const pooled = asTensor(await extract(image, { pool: true }));
    expect(difference(pooled, vit.images(await pixelsOf(files[3]!)))).toBeLessThan(1e-4);
    await extract.dispose();
  });
});
