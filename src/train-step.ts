// ONE STEP, on one screen: features -> loss -> backward -> optimizer -> commit. No method is named here.
import type { RunConfig } from './config/index.ts';
import type { GradientAverager, Ranks } from './dist/index.ts';
import type { Batch, Features, Method } from './methods/index.ts';
import { BatchStatistics } from './nn/batch-norm.ts';
import { clipGradNorm, type Optimizer } from './optim/index.ts';
import type { Clock } from './schedules.ts';
import { backward, gradsOf, noGrad, scope, type Tensor } from './torch/index.ts';
import * as ops from './torch/ops.ts';

export interface StepParts {
  method: Method;
  optimizer: Optimizer;
  config: Pick<RunConfig, 'batch' | 'optimizer'>;
  averager: GradientAverager;
  ranks: Ranks;
}

/** One update from one batch of this rank. Returns the metrics when they are wanted: only reading them waits for the device. */
export function trainStep(
  parts: StepParts,
  batch: Batch,
  clock: Clock & { wanted: boolean },
): Record<string, number> | undefined {
  const { method, optimizer, ranks, config } = parts;
  const { clipGradNorm: maxNorm } = config.optimizer;
  return scope(() => {
    const statistics = new BatchStatistics();
    const { metrics, next } = statistics.during(() =>
      config.batch.gradAccumSteps === 1
        ? backwardWhole(parts, batch, clock)
        : backwardInParts(parts, batch, clock),
    );
    const gradNorm = maxNorm === undefined ? undefined : clipGradNorm([...method.params.values()], maxNorm);
    optimizer.step({ lr: clock.lr });
    method.commit(next, clock);
    statistics.commit();
    return clock.wanted
      ? readMetrics({ ...metrics, ...(gradNorm && { grad_norm: gradNorm }) }, ranks)
      : undefined;
  });
}

function backwardWhole({ method, averager }: StepParts, batch: Batch, clock: Clock) {
  const { loss, metrics, next } = method.loss(method.features(batch), batch.ids, clock);
  averager.backward(loss);
  return { metrics, next };
}

/**
 * Gradient accumulation that is exact for a loss over the whole batch (gradient caching, Gao et al. 2021): features of all parts
 * without gradient, the loss and its gradient by the features once, then each part again with gradient, pulled by its share.
 */
function backwardInParts({ method, averager, config }: StepParts, batch: Batch, clock: Clock) {
  const parts = split(batch, config.batch.gradAccumSteps);
  const seen = parts.map((part) => noGrad(() => scope(() => method.features(part))));
  const names = Object.keys(seen[0]);
  const whole: Features = Object.fromEntries(
    names.map((name) => [
      name,
      ops
        .cat(
          seen.map((features) => features[name]),
          0,
        )
        .requireGrad(),
    ]),
  );
  const { loss, metrics, next } = method.loss(whole, batch.ids, clock);
  backward(loss);
  const pulls = gradsOf(names.map((name) => whole[name]));
  parts.forEach((part, i) => {
    scope(() => {
      const features = method.features(part);
      const rows = features[names[0]].shape[0];
      const pulled = names.map((name, k) => features[name].mul(pulls[k]!.narrow(0, i * rows, rows)).sum());
      backward(pulled.reduce((sum, next) => sum.add(next)));
    });
  });
  averager.finish(); // gradients added up on this rank first
  return { metrics, next };
}

/** Equal parts of a batch, views kept together. */
function split({ images, tokens, ids }: Batch, count: number): Batch[] {
  const rows = ids.shape[0] / count;
  const views = images.shape[0] / ids.shape[0];
  if (views !== 1) throw new RangeError(`gradient accumulation takes one view of each image, got ${views}`);
  return Array.from({ length: count }, (_, i) => {
    const cut = (tensor: Tensor) => tensor.narrow(0, i * rows, rows);
    return { images: cut(images), tokens: cut(tokens), ids: cut(ids) };
  });
}

/** The mean over ranks of each metric: one collective, one wait for the device. */
function readMetrics(metrics: Record<string, Tensor>, ranks: Ranks): Record<string, number> {
  const names = Object.keys(metrics);
  const all = ops.stack(names.map((name) => metrics[name].to('float32')));
  const values = ranks.allReduceMean(all, 'metrics').toNumbers();
  return Object.fromEntries(names.map((name, i) => [`train/${name}`, values[i]]));
}
