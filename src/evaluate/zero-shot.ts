// N pictures, C classes, T templates, E embedding.
import { z } from 'zod';
import { openDataset } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { tokensToDevice } from '../feed/upload.ts';
import { unitRows } from '../nn/unit-rows.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy, accuracyLine, accuracyMetrics } from './accuracy.ts';
import { defineEvaluator, sourcesSchema } from './evaluator.ts';

export interface ZeroShotReport extends Accuracy {
  pictures: number;
  classes: number;
}

const DEFAULT_TEMPLATES = ['a photo of a {}.'];

/** [C, E]: the normalised mean of each class's prompt features (Radford et al. 2021, section 3.1.4). */
function classFeatures(
  classNames: readonly string[],
  {
    templates,
    tokenizer,
    encodeTexts,
  }: { templates: readonly string[]; tokenizer: Tokenizer; encodeTexts: (tokens: Int32Array) => Tensor },
): Tensor {
  return noGrad(() =>
    scope(() => {
      const perClass = classNames.map((name) =>
        scope(() =>
          encodeTexts(
            tokenizer.encodeBatch(templates.map((template) => template.replaceAll('{}', name))),
          ).mean(0),
        ),
      );
      return unitRows(ops.stack(perClass));
    }),
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
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe(`prompts around a class name; default "${DEFAULT_TEMPLATES[0]}"`),
    })
    .describe('classification by class names'),
  needsTexts: true,
  metrics: accuracyMetrics('zero_shot'),
  lines: (report: ZeroShotReport) => [accuracyLine('zero-shot', report)],

  async open({ data, templates = DEFAULT_TEMPLATES }) {
    const dataset = await openDataset([data].flat());
    if (dataset.hasLabels && dataset.classNames) return { dataset, templates, close: () => dataset.close() };
    dataset.close();
    throw new CoupletError(
      'evaluate.zeroShot.data has no labels with class names: give the source `classNames`, or use a folder with one folder per class.',
    );
  },

  async run({ dataset, templates }, { encoder: { method, tokenizer, device }, features: images }) {
    const { features, labels } = await images.of(dataset);
    const contextLength = tokenizer!.contextLength;
    const report = scope(() => {
      const classes = classFeatures(dataset.classNames!, {
        tokenizer: tokenizer!,
        templates,
        encodeTexts: (tokens) =>
          method.encodeTexts!(tokensToDevice(tokens, tokens.length / contextLength, device)),
      });
      return zeroShot(features, classes, labels);
    });
    return { report };
  },
});
