// N pictures, C classes, T templates, E embedding.
import { z } from 'zod';
import { fillTemplate, templateSchema } from '../data/dataset/template.ts';
import { type Dataset, openDataset } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { tokensToDevice } from '../feed/upload.ts';
import { unitRows } from '../nn/unit-rows.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy, accuracyLine, accuracyMetrics } from './accuracy.ts';
import { checkLabels } from './classes.ts';
import { defineEvaluator, sourcesSchema } from './evaluator.ts';
import { type Encoder, rowsNotFinite } from './features.ts';

export interface ZeroShotReport extends Accuracy {
  pictures: number;
  classes: number;
}

const NAME = 'evaluate.zeroShot.data';
const DEFAULT_TEMPLATES = ['a photo of a {}.'];

/** [C, E]: the normalised mean of each class's prompt features (Radford et al. 2021, section 3.1.4). */
function classFeatures(
  prompts: readonly Int32Array[],
  { tokenizer, method, device }: Encoder & { tokenizer: Tokenizer },
): Tensor {
  const { contextLength } = tokenizer;
  const encode = (tokens: Int32Array) =>
    method.encodeTexts!(tokensToDevice(tokens, tokens.length / contextLength, device));
  return noGrad(() =>
    scope(() => unitRows(ops.stack(prompts.map((tokens) => scope(() => encode(tokens).mean(0)))))),
  );
}

/** Tokens of all templates, for each class. Throws a CoupletError where they are the same for all classes. */
function promptsOf(
  classNames: readonly string[],
  { templates, tokenizer }: { templates: readonly string[]; tokenizer: Tokenizer },
): Int32Array[] {
  const prompts = classNames.map((name) =>
    tokenizer.encodeBatch(templates.map((template) => fillTemplate(template, name))),
  );
  if (prompts.some((tokens) => tokens.some((id, i) => id !== prompts[0][i]))) return prompts;
  throw new CoupletError(
    `evaluate.zeroShot.templates: all ${classNames.length} classes have the same tokens. Prompts are cut after ${tokenizer.contextLength} tokens: expected {} near their start.`,
  );
}

/** Accuracy of the nearest class: features [N, E] and [C, E], labels int64 [N] in [0, C). */
export function zeroShot(imageFeatures: Tensor, classes: Tensor, labels: Tensor): ZeroShotReport {
  const result = scope(() =>
    accuracy(
      noGrad(() => imageFeatures.matmul(classes.t)),
      labels,
    ),
  );
  return { pictures: imageFeatures.shape[0], classes: classes.shape[0], ...result };
}

export const zeroShotEvaluator = defineEvaluator({
  name: 'zeroShot',
  options: z
    .strictObject({
      data: sourcesSchema.describe('labelled pictures'),
      templates: z
        .array(templateSchema)
        .min(1)
        .optional()
        .describe(`prompts around a class name, each with {} in it; default "${DEFAULT_TEMPLATES[0]}"`),
    })
    .describe('classification by class names'),
  needsTexts: true,
  metrics: accuracyMetrics('zero_shot'),
  lines: (report: ZeroShotReport) => [accuracyLine('zero-shot', report)],

  async open({ data, templates = DEFAULT_TEMPLATES }) {
    const dataset = await openDataset([data].flat(), { key: NAME });
    try {
      return { dataset, templates, classNames: namedClasses(dataset), close: () => dataset.close() };
    } catch (error) {
      dataset.close();
      throw error;
    }
  },

  async run({ dataset, classNames, templates }, { encoder, features: images, remarks }) {
    const tokenizer = encoder.tokenizer!;
    const prompts = promptsOf(classNames, { templates, tokenizer });
    if (classNames.every((name) => /^\d+$/.test(name)))
      remarks.note(
        `${NAME}: the classes are named by numbers (${classNames.slice(0, 3).join(', ')}, ...), which say nothing of a picture: classNames gives them names`,
      );
    const { features, labels } = await images.of(dataset, NAME);
    return scope(() => {
      const classes = classFeatures(prompts, { ...encoder, tokenizer });
      const [bad] = rowsNotFinite(classes);
      if (bad !== undefined) remarks.notFinite(`prompts (the first is that of class ${classNames[bad]})`);
      return zeroShot(features, classes, labels);
    });
  },
});

function namedClasses(dataset: Dataset): readonly string[] {
  const { classNames, hasLabels } = dataset;
  if (!hasLabels || !classNames)
    throw new CoupletError(
      `${NAME} has no labels with class names: give the source \`classNames\`, or use a folder with one folder per class.`,
    );
  checkLabels({ name: NAME, dataset });
  if (classNames.length > 1) return classNames;
  throw new CoupletError(`${NAME} has one class only (${classNames[0]}): classification needs two or more.`);
}
