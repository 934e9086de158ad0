// N pictures, C classes, T templates, E embedding.
import type { Tokenizer } from '../data/tokenizer.ts';
import { normalizeRows } from '../models/clip.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface ZeroShotReport {
  pictures: number;
  classes: number;
  top1: number;
  top5: number;
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
      return normalizeRows(ops.stack(perClass));
    }),
  );
}

/** Accuracy of the nearest class: features [N, E] and [C, E], labels [N] in [0, C). */
export function zeroShot(imageFeatures: Tensor, classes: Tensor, labels: Int32Array): ZeroShotReport {
  const pictures = labels.length;
  const count = classes.shape[0];
  const best = Math.min(5, count);
  const found = scope(() => ops.topk(imageFeatures.matmul(classes.t), best)[1].toNumbers()); // [N, best]
  const within = (k: number) => {
    let hits = 0;
    for (let i = 0; i < pictures; i++) {
      for (let j = 0; j < k; j++) if (found[i * best + j] === labels[i]) hits++;
    }
    return hits / pictures;
  };
  return { pictures, classes: count, top1: within(1), top5: within(best) };
}
