// The ONNX files of a model, each in several precisions.
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import {
  type Family,
  type OnnxOptions,
  type OnnxSamples,
  type OnnxTensor,
  type Part,
  variants,
  writeCheckedOnnx,
} from '../onnx/index.ts';
import type { HeldOut } from './held-out.ts';
import { normalised } from './pixels.ts';
import type { ExportContext, Written } from './target.ts';

/** float32 in another order of sums. */
const WORST = 1e-4;

export const familyOf = (model: AnyModelSpec): Family =>
  hasTexts(model) && model.text.pool === 'last' ? 'siglip' : 'clip';

const FILES: Record<Part, string> = {
  image: 'vision_model',
  text: 'text_model',
  joint: 'model',
  encoder: 'model',
};

const partsOf = (model: AnyModelSpec): Part[] => (hasTexts(model) ? ['image', 'text', 'joint'] : ['encoder']);

/**
 * Writes `onnx/` with every part in every variant. A quantised file whose features are too far from the run's is left out, and a remark
 * says so. `external` counts the data files of each, where it has some.
 */
export async function writeOnnxFiles(
  folder: string,
  context: ExportContext,
  { resizes }: { resizes: boolean },
): Promise<Written & { external: Record<string, number> }> {
  const { run, model, weights, prefix, progress } = context;
  const { mean, std } = run.config.data;
  const heldOut = await context.heldOut();
  const family = familyOf(model);
  const written: Written & { external: Record<string, number> } = { files: [], remarks: [], external: {} };
  await mkdir(join(folder, 'onnx'));
  for (const part of partsOf(model)) {
    const options: OnnxOptions & { samples: OnnxSamples[] } = {
      part,
      spec: model,
      weights,
      family,
      ...(part === 'encoder' && { prefix }),
      ...(resizes && part !== 'text' && { pixels: { mean, std, interpolation: 'bicubic' } }),
      samples: [samplesOf(part, heldOut, { context, family })],
    };
    for (const variant of context.variants) {
      const file = `onnx/${FILES[part]}${variants[variant].suffix}.onnx`;
      progress(`writing ${file}`);
      const result = await writeCheckedOnnx(join(folder, file), { ...options, variant });
      if ('refused' in result) {
        written.remarks.push(`${file} is not written. ${result.refused} (Compared on ${heldOut.source}.)`);
        continue;
      }
      const { dataPaths } = result.file;
      if (dataPaths.length > 0) written.external[basename(file)] = dataPaths.length;
      if ('unchecked' in result) {
        written.remarks.push(`${file}: ${result.unchecked}`);
        continue;
      }
      written.files.push({
        file,
        kind: part,
        ...(variant === 'fp32' && { worst: WORST }),
        ...(dataPaths.length > 0 && { data: dataPaths.map((path) => `onnx/${basename(path)}`) }),
      });
    }
  }
  return written;
}

function samplesOf(
  part: Part,
  heldOut: HeldOut,
  { context: { run }, family }: { context: ExportContext; family: Family },
): OnnxSamples {
  const { imageFeatures, textFeatures, ids, images } = heldOut;
  const names = outputNames(part, family);
  return {
    inputs: inputsOf(part, {
      family,
      ...(part !== 'text' && { pixels: normalised(images, run.imageSize, run.config.data) }),
      side: run.imageSize,
      ...(ids && { ids, length: run.tokenizer!.contextLength }),
    }),
    features: {
      ...(names.image && { [names.image]: imageFeatures }),
      ...(names.text && { [names.text]: textFeatures! }),
    },
  };
}

/** Which output has which features. */
export function outputNames(part: Part, family: Family): { image?: string; text?: string } {
  const isTower = family === 'siglip' && part !== 'joint';
  if (part === 'encoder') return { image: 'pooler_output' };
  return {
    ...(part !== 'text' && { image: isTower ? 'pooler_output' : 'image_embeds' }),
    ...(part !== 'image' && { text: isTower ? 'pooler_output' : 'text_embeds' }),
  };
}

export interface OnnxInputs {
  family: Family;
  /** [N, 3, S, S] */
  pixels?: Float32Array;
  side: number;
  /** [M, L] */
  ids?: Int32Array;
  length?: number;
}

export function inputsOf(
  part: Part,
  { family, pixels, side, ids, length = 1 }: OnnxInputs,
): Record<string, OnnxTensor> {
  const shape = [(ids?.length ?? 0) / length, length];
  const needsTexts = ids && (part === 'text' || part === 'joint');
  return {
    ...(pixels &&
      part !== 'text' && {
        pixel_values: { shape: [pixels.length / (3 * side * side), 3, side, side], data: pixels },
      }),
    ...(needsTexts && { input_ids: { shape, data: BigInt64Array.from(ids, BigInt) } }),
    ...(needsTexts &&
      part === 'joint' &&
      family === 'clip' && { attention_mask: { shape, data: new BigInt64Array(ids.length).fill(1n) } }),
  };
}
