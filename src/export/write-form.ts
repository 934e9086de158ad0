// Weights, config, preprocessing and tokenizer of one form.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { writeSafetensors } from '../io/safetensors.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import { OPEN_CLIP_VIT, TIMM_VIT } from '../models/vit.ts';
import { lacking } from './fit.ts';
import type { Form } from './form.ts';
import type { ExportContext, Written } from './target.ts';
import { renamed } from './tensors.ts';
import { paddingProblem, writeTokenizer } from './tokenizer-files.ts';

/** Features of a file's weights, relative to the largest: sums of float32 in another order. */
const WORST = 1e-5;

/** The first form that a model fits. */
export const formFor = (forms: readonly Form[], model: AnyModelSpec): Form | undefined =>
  forms.find(({ fit }) => lacking(model, fit).length === 0);

/** What the model has that the nearest form has not. Empty: one fits. */
export function lackingOfAll(forms: readonly Form[], model: AnyModelSpec): readonly string[] {
  const all = forms
    .filter(({ fit }) => fit.texts === hasTexts(model))
    .map(({ fit }) => lacking(model, fit))
    .sort((a, b) => a.length - b.length);
  return all[0] ?? lacking(model, forms[0]!.fit);
}

export async function writeForm(folder: string, form: Form, context: ExportContext): Promise<Written> {
  const { run, model, prefix, weights, progress } = context;
  const { tokenizer } = run;
  progress(`writing ${form.weightsFile}`);
  const ours = { prefix, style: hasTexts(model) ? OPEN_CLIP_VIT : TIMM_VIT };
  const table = form.layout.table(model, ours);
  const { tensors, unused } = renamed(weights, table, (name) => hasTexts(model) || name.startsWith(prefix));
  const foreign = unused.filter((name) => name !== 'logit_bias');
  if (foreign.length > 0)
    throw new CoupletError(
      `${form.title} has no place for ${foreign.length} tensors of the run, first ${foreign[0]}.`,
    );
  for (const [name, { shape, value }] of form.extra?.(model) ?? []) tensors.set(name, filled(shape, value));
  await writeSafetensors(join(folder, form.weightsFile), tensors);
  const { mean, std } = run.config.data;
  const bias = weights.get('logit_bias');
  const config = form.config({
    model,
    pixels: { imageSize: run.imageSize, mean, std },
    ...(tokenizer && { ids: idsOf(tokenizer) }),
    isClipTokenizer: tokenizer?.spec.type === 'clip',
    ...(bias && { logitBias: numberOf(bias) }),
  });
  await writeJson(join(folder, form.configFile), config);
  const texts = await writeTexts(folder, context);
  const lost =
    unused.includes('logit_bias') && bias
      ? [
          `${form.title} has no logit_bias (${numberOf(bias)}): cosines and their order stay, probabilities need it.`,
        ]
      : [];
  return { files: [{ file: form.weightsFile, kind: 'weights', worst: WORST }], remarks: [...texts, ...lost] };
}

/** The tokenizer's files, of a pair. Returns what a person should know. */
export async function writeTexts(folder: string, context: ExportContext): Promise<string[]> {
  const { tokenizer } = context.run;
  if (!hasTexts(context.model) || !tokenizer) return [];
  const source = tokenizerSource(context);
  await writeTokenizer(folder, tokenizer, source);
  const problem = paddingProblem(tokenizer, source);
  return problem === undefined ? [] : [problem];
}

const idsOf = ({ startOfText, endOfText }: Tokenizer) => ({
  ...(startOfText !== undefined && { start: startOfText }),
  end: endOfText,
});

/** What a tokenizer was read from, with keys that Couplet leaves aside. */
function tokenizerSource({ run, runDir }: ExportContext): string | undefined {
  const { tokenizer } = run.config.data;
  if (tokenizer.type === 'file') return tokenizer.path;
  return tokenizer.type === 'bpe' ? runPaths(runDir).tokenizer : undefined;
}

export const writeJson = (path: string, content: unknown): Promise<void> =>
  writeFile(path, `${JSON.stringify(content, null, 2)}\n`);

const numberOf = ({ data }: HostTensor) => new Float32Array(new Uint8Array(data).buffer)[0]!;

function filled(shape: readonly number[], value: number): HostTensor {
  const numbers = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value);
  return { dtype: 'float32', shape, data: new Uint8Array(numbers.buffer) };
}
