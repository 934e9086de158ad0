// N pictures, C classes, T templates, E embedding.
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { unitRows } from '../nn/unit-rows.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy } from './accuracy.ts';

export interface ZeroShotReport extends Accuracy {
  pictures: number;
  classes: number;
}

/** The prompts that a class name is put into when a config gives none. */
export const DEFAULT_TEMPLATES = ['a photo of a {}.'];

/** One unit vector per class, [C, E]: the normalised mean of its prompts' features (Radford et al. 2021, section 3.1.4). */
export function classFeatures(
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
  const found = scope(() =>
    accuracy(
      noGrad(() => imageFeatures.matmul(classes.t)),
      labels,
    ),
  );
  return { pictures: imageFeatures.shape[0], classes: classes.shape[0], ...found };
}
