import { type Batch, type Features, mapHeld } from '../methods/index.ts';
import type { StepContext } from '../time/clock.ts';
import { backward, gradsOf, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { AfterBackward, GradientParts } from './step.ts';

/**
 * Gradient accumulation, exact for a loss over the whole batch (gradient caching, Gao et al. 2021, arXiv 2101.06983): features of all
 * parts without gradient, the loss and its gradient by the features, then each part again with its share of that gradient.
 * Gradients add up on this rank before the ranks average them.
 * @equation FastCLIP 5: gradient caching (Gao et al. 2021): features of all parts, the loss once, then the backward pass of each part
 */
export function backwardInParts(
  { method, averager, config }: GradientParts,
  batch: Batch,
  context: StepContext,
): AfterBackward {
  const parts = split(batch, config.batch.gradAccumSteps);
  const features = parts.map((part) => noGrad(() => scope(() => method.features(part, context))));
  const names = Object.keys(features[0]);
  const join = (name: string) =>
    ops
      .cat(
        features.map((each) => each[name]),
        0,
      )
      .requireGrad();
  const whole: Features = Object.fromEntries(names.map((name) => [name, join(name)]));
  const { loss, metrics, next } = method.loss(whole, batch.ids, context);
  backward(loss);
  const pulls = gradsOf(names.map((name) => whole[name]));
  const learned = names.flatMap((name, k) => (pulls[k] ? [[name, pulls[k]] as const] : [])); // targets have no gradient
  parts.forEach((part, i) => {
    scope(() => {
      const again = method.features(part, context);
      const rows = again[names[0]].shape[0];
      const pulled = learned.map(([name, pull]) => again[name].mul(pull.narrow(0, i * rows, rows)).sum());
      backward(pulled.reduce((sum, next) => sum.add(next)));
    });
  });
  averager.finish();
  return { metrics, next };
}

/** Equal parts of a batch. */
function split({ views, tokens, ids, rows, held }: Batch, count: number): Batch[] {
  const size = ids.shape[0] / count;
  return Array.from({ length: count }, (_, i) => {
    const cut = (tensor: Tensor) => tensor.narrow(0, i * size, size);
    return {
      views: views.map(cut),
      tokens: cut(tokens),
      ids: cut(ids),
      rows: { ...rows, first: rows.first + i * size },
      ...(held && { held: mapHeld(held, cut) }),
    };
  });
}
