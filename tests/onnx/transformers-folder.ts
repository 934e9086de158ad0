// Folders for @huggingface/transformers, and pictures in files with what an evaluation sees of them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
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
import { encoder, idsOf, pair } from './harness.ts';

const SIDE = 32;
const [MEAN, STD] = [
  [0.48145466, 0.4578275, 0.40821073],
  [0.26862954, 0.26130258, 0.27577711],
];
export const SPEC: AnyClipSpec = {
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
export const LABELS = ['red cat', 'dog', 'a photo', 'red', 'cat', 'a red dog'];
export const IDS = idsOf(
  [6, 2, 3, 7, 7],
  [6, 4, 7, 7, 7],
  [6, 1, 5, 7, 7],
  [6, 2, 7, 7, 7],
  [6, 3, 7, 7, 7],
  [6, 1, 2, 4, 7],
);

export const clip = pair(SPEC);
export const vit = encoder({ ...(SPEC.image as (typeof vit)['spec']['image']), pool: 'mean' });

function writeJson(path: string, content: unknown): void {
  writeFileSync(path, JSON.stringify(content));
}

/** The files that stand beside the graphs. Pictures come as they are: the graph cuts them. */
function writeConfigs(at: string, config: object): string {
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
export async function pictures(): Promise<Buffer[]> {
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
export async function pixelsOf(file: Buffer): Promise<OnnxTensor> {
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

/** Two folders, `clip` and `vit`, as transformers.js takes them. The graph of the pair in float32 has its data in two files more. */
export async function writeModels(models: string): Promise<void> {
  const pixels = { mean: MEAN, std: STD, interpolation: 'bicubic' } as const;
  const config = { model_type: 'clip', text_config: { model_type: 'clip_text_model' } };
  const external = { use_external_data_format: { 'model.onnx': 2 } };
  const at = writeConfigs(join(models, 'clip'), { ...config, 'transformers.js_config': external });
  const files = { joint: 'model', image: 'vision_model', text: 'text_model' } as const;
  for (const [variant, { suffix }] of Object.entries(variants) as [VariantName, { suffix: string }][])
    for (const [part, name] of Object.entries(files) as [keyof typeof files, string][]) {
      const limit = variant === 'fp32' && part === 'joint' ? 70_000 : undefined;
      const { spec, weights } = clip;
      const options = { spec, weights, part, pixels, variant, ...(limit && { limit }) };
      const { dataPaths } = await writeOnnx(join(at, `${name}${suffix}.onnx`), options);
      expect(dataPaths).toHaveLength(limit ? 2 : 0);
    }
  const { spec, weights } = vit;
  const alone = writeConfigs(join(models, 'vit'), { model_type: 'vit' });
  await writeOnnx(join(alone, 'model.onnx'), { spec, weights, part: 'encoder', pixels });
}

/** Largest differences of features of unit length: Couplet resizes large pictures by libvips, within 0.3 of 255. */
export async function barOf(file: Buffer): Promise<number> {
  const { size } = await openPicture(file, { minSide: 1, maxPixels: 1e8 });
  return size.width * size.height <= 128 ** 2 ? 1e-4 : 5e-3;
}
