import { join } from 'node:path';
import { CoupletError } from '../errors.ts';
import { onHost } from '../io/checkpoint.ts';
import { hasTexts } from '../models/registry.ts';
import type { TextSpec } from '../models/text.ts';
import { type OnnxOptions, type OnnxSamples, type VariantName, writeCheckedOnnx } from '../onnx/index.ts';
import type { LoadedRun } from '../run/load-run.ts';
import type { ImageTower, TextTower, TowerFile } from './layout.ts';
import type { PagePictures } from './pictures.ts';
import { pictureSamples, textSamples } from './samples.ts';
import { writeTokenizer } from './tokenizer-file.ts';

/** Smallest first. */
const VARIANTS: readonly VariantName[] = ['q8', 'fp16', 'fp32'];

export interface PageTowers {
  readonly image?: ImageTower;
  readonly text?: TextTower;
  /** Sentences for the person who makes the page. */
  readonly remarks: readonly string[];
}

/**
 * Writes a run's towers as ONNX into `folder`: in eight bits where their features stay near the run's, otherwise with more.
 * @param pictures some of which are the samples
 * @throws CoupletError for a model that ONNX cannot have
 */
export async function writeTowers(
  folder: string,
  run: LoadedRun,
  pictures: PagePictures,
): Promise<PageTowers> {
  const remarks: string[] = [];
  const spec = run.model;
  const weights = onHost(run.method.model);
  const write = (part: Part, samples: readonly OnnxSamples[]) =>
    writeSmallest(folder, { part, spec, weights }, { samples, remarks });
  const { mean, std } = run.config.data;
  const part = hasTexts(spec) ? 'image' : 'encoder';
  const image: ImageTower = {
    ...(await write(part, await pictureSamples(run, pictures, NAMES[part].output))),
    imageSize: run.imageSize,
    interpolation: 'bicubic',
    mean,
    std,
  };
  if (!hasTexts(spec)) return { image, remarks };
  const cut = isCut(spec.text);
  const text: TextTower = {
    ...(await write('text', textSamples(run, { pictures, output: NAMES.text.output, cut }))),
    tokenizer: await writeTokenizer(folder, run.tokenizer!),
    cut,
  };
  return { image, text, remarks };
}

/** Whether a text is cut at its end. */
const isCut = ({ causal = true, pool = 'end' }: TextSpec): boolean => causal && pool === 'end';

type Part = 'image' | 'text' | 'encoder';

const NAMES: Record<Part, Pick<TowerFile, 'input' | 'output'> & { file: string }> = {
  image: { file: 'image.onnx', input: 'pixel_values', output: 'image_embeds' },
  encoder: { file: 'image.onnx', input: 'pixel_values', output: 'pooler_output' },
  text: { file: 'text.onnx', input: 'input_ids', output: 'text_embeds' },
};

async function writeSmallest(
  folder: string,
  options: Omit<OnnxOptions, 'part'> & { part: Part },
  { samples, remarks }: { samples: readonly OnnxSamples[]; remarks: string[] },
): Promise<TowerFile> {
  const names = NAMES[options.part];
  let why = '';
  for (const variant of VARIANTS) {
    const written = await writeCheckedOnnx(join(folder, names.file), { ...options, variant, samples });
    if ('file' in written) {
      if (written.file.dataPaths.length > 0) break; // beyond 2 GB
      if (why) remarks.push(`${names.file} has ${written.file.bytes} bytes. ${why}`);
      return { ...names, bytes: written.file.bytes };
    }
    why = written.refused;
  }
  throw new CoupletError(`A page cannot hold this model: ${why || 'browsers take less than 2 GB'}`);
}
