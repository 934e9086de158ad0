// @huggingface/transformers on a local folder: what its pipelines say of pictures in files, against Couplet's evaluation of them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline, RawImage } from '@huggingface/transformers';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  centerView,
  cutLarge,
  cutSmall,
  decodePixels,
  isSmall,
  openPicture,
} from '../../src/data/pictures/decode.ts';
import type { AnyClipSpec } from '../../src/models/clip.ts';
import { type OnnxTensor, type VariantName, variants, writeOnnx } from '../../src/onnx/index.ts';
import { photo } from '../data/photo.ts';
import { difference, encoder, folder, idsOf, pair, unit } from './harness.ts';

const SIDE = 32;
const [MEAN, STD] = [
  [0.48145466, 0.4578275, 0.40821073],
  [0.26862954, 0.26130258, 0.27577711],
];
const SPEC: AnyClipSpec = {
  embedDim: 16,
  image: {
    imageSize: SIDE,
    patchSize: 8,
    width: 32,
    layers: 2,
    heads: 2,
    mlpRatio: 2,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: 8, vocabSize: 8, width: 16, heads: 2, layers: 1 },
};
const WORDS = ['<unk>', 'a', 'red', 'cat', 'dog', 'photo', '<start>', '<end>'];
const LABELS = ['red cat', 'dog', 'a photo', 'red', 'cat', 'a red dog'];
const IDS = idsOf(
  [6, 2, 3, 7, 7],
  [6, 4, 7, 7, 7],
  [6, 1, 5, 7, 7],
  [6, 2, 7, 7, 7],
  [6, 3, 7, 7, 7],
  [6, 1, 2, 4, 7],
);

const models = folder();
const clip = pair(SPEC);
const vit = encoder({ ...(SPEC.image as (typeof vit)['spec']['image']), pool: 'mean' });

function writeJson(path: string, content: unknown): void {
  writeFileSync(path, JSON.stringify(content));
}

/** The files that stand beside the graphs. Pictures come as they are: the graph cuts them. */
function writeConfigs(name: string, config: object): string {
  const at = join(models, name);
  mkdirSync(join(at, 'onnx'), { recursive: true });
  writeJson(join(at, 'config.json'), config);
  writeJson(join(at, 'preprocessor_config.json'), {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: true,
    do_resize: false,
    do_center_crop: false,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: MEAN,
    image_std: STD,
  });
  const [bos, eos] = [6, 7].map((id) => ({ content: WORDS[id], special: true }));
  writeJson(join(at, 'tokenizer.json'), {
    version: '1.0',
    added_tokens: [
      { id: 6, ...bos },
      { id: 7, ...eos },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '<unk>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: ['<start>', 'A', '<end>'].map((id) =>
        id === 'A' ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } },
      ),
      pair: [],
      special_tokens: Object.fromEntries(
        [6, 7].map((id) => [WORDS[id], { id: WORDS[id], ids: [id], tokens: [WORDS[id]] }]),
      ),
    },
  });
  writeJson(join(at, 'tokenizer_config.json'), {
    tokenizer_class: 'CLIPTokenizer',
    bos_token: '<start>',
    eos_token: '<end>',
    pad_token: '<end>',
    unk_token: '<unk>',
    model_max_length: 8,
  });
  return join(at, 'onnx');
}

/** Photos of several sizes and a drawing, as files. */
async function pictures(): Promise<Buffer[]> {
  const sizes = [
    [300, 200],
    [97, 240],
    [33, 70],
    [32, 32],
    [20, 24],
  ] as const;
  const raw = ([width, height]: readonly [number, number]) =>
    sharp(photo(width, height), { raw: { width, height, channels: 3 } });
  const turned = raw([90, 60]).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  return Promise.all([
    ...sizes.map((size, i) => (i % 2 ? raw(size).png() : raw(size).jpeg()).toBuffer()),
    turned,
  ]);
}

/** Pixels as an evaluation sees them, normalised. */
async function pixelsOf(file: Buffer): Promise<OnnxTensor> {
  const picture = await openPicture(file, { minSide: 1, maxPixels: 1e8 });
  const bytes = new Uint8Array(SIDE * SIDE * 3);
  const place = { target: bytes, offset: 0, interpolation: 'bicubic' } as const;
  const view = centerView(picture.size, SIDE);
  if (isSmall(picture)) cutSmall(await decodePixels(picture), view, place);
  else await cutLarge(picture, view, place);
  const data = Float32Array.from({ length: bytes.length }, (_, i) => {
    const [channel, at] = [Math.floor(i / SIDE ** 2), i % SIDE ** 2];
    return (bytes[at * 3 + channel]! / 255 - MEAN[channel]!) / STD[channel]!;
  });
  return { shape: [1, 3, SIDE, SIDE], data };
}

const asImage = (file: Buffer) => RawImage.fromBlob(new Blob([new Uint8Array(file)]));
const asTensor = ({ dims, data }: { dims: number[]; data: unknown }): OnnxTensor => ({
  shape: dims,
  data: data as Float32Array,
});

let files: Buffer[];
beforeAll(async () => {
  env.allowRemoteModels = false;
  env.localModelPath = models;
  env.useFSCache = false;
  files = await pictures();
  const pixels = { mean: MEAN, std: STD, interpolation: 'bicubic' } as const;
  const config = { model_type: 'clip', text_config: { model_type: 'clip_text_model' } };
  const external = { use_external_data_format: { 'model.onnx': 2 } };
  const at = writeConfigs('clip', { ...config, 'transformers.js_config': external });
  for (const [name, { suffix }] of Object.entries(variants))
    for (const [part, file] of [
      ['joint', 'model'],
      ['image', 'vision_model'],
      ['text', 'text_model'],
    ] as const) {
      const limit = name === 'fp32' && part === 'joint' ? { limit: 70_000 } : {};
      const { spec, weights } = clip;
      const written = await writeOnnx(join(at, `${file}${suffix}.onnx`), {
        spec,
        weights,
        part,
        pixels,
        variant: name as VariantName,
        ...limit,
      });
      expect(written.dataPaths).toHaveLength('limit' in limit ? 2 : 0);
    }
  const alone = writeConfigs('vit', { model_type: 'vit' });
  const { spec, weights } = vit;
  await writeOnnx(join(alone, 'model.onnx'), { spec, weights, part: 'encoder', pixels });
});

/** Couplet resizes large pictures by libvips, within 0.3 of 255. */
const BAR = { small: 1e-4, large: 5e-3 };

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
      const { size } = await openPicture(file, { minSide: 1, maxPixels: 1e8 });
      const bar = size.width * size.height <= 128 ** 2 ? BAR.small : BAR.large;
      expect(difference(unit(features), clip.images(await pixelsOf(file))), `${size.width}`).toBeLessThan(
        bar,
      );
    }
    await extract.dispose();
  });

  test('an encoder alone: tokens, and pooled what the run gives', async () => {
    const extract = await pipeline('image-feature-extraction', 'vit', { dtype: 'fp32', device: 'cpu' });
    const image = await asImage(files[3]!);
    expect((await extract(image)).dims).toEqual([1, 17, 32]);
    const pooled = asTensor(await extract(image, { pool: true }));
    expect(difference(pooled, vit.images(await pixelsOf(files[3]!)))).toBeLessThan(BAR.small);
    await extract.dispose();
  });
});
