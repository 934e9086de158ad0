// ONE STEP, on one screen: features -> loss -> backward -> optimizer -> commit. No method is named here.
import type { RunConfig } from '../config/index.ts';
import type { Batch, Features, Method } from '../methods/index.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import { clipEachGradNorm, clipGradNorm, type Optimizer } from '../optim/index.ts';
import type { GradientAverager, Ranks } from '../ranks/index.ts';
import type { Clock } from '../time/schedules.ts';
import { backward, clearGrads, gradsOf, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Recorded, RecordedFeatures } from './graphs/step-graphs.ts';

/** What gradients are taken with. */
export interface GradientParts {
  method: Method;
  config: Pick<RunConfig, 'batch' | 'optimizer'>;
  averager: GradientAverager;
  /** The towers, and the loss where nothing in it moves with the clock, as CUDA graphs, where the config asks for them. */
  recorded?: Pick<RecordedFeatures, 'run'>;
}

export interface StepParts extends GradientParts {
  optimizer: Optimizer;
  ranks: Ranks;
}

/** One update from one batch of this rank. Returns the metrics when they are wanted: only reading them waits for the device. */
export function trainStep(
  parts: StepParts,
  batch: Batch,
  clock: Clock & { wanted: boolean },
): Record<string, number> | undefined {
  const { method, optimizer, ranks, config } = parts;
  return scope(() => {
    const { metrics, next, statistics } = leaveGradients(parts, batch, clock);
    const gradNorm = prepareGradients(method, config.optimizer, clock);
    optimizer.step({
      lr: clock.lr,
      ...(clock.weightDecay !== undefined && { weightDecay: clock.weightDecay }),
    });
    method.commit(next, clock);
    statistics.commit();
    return clock.wanted
      ? readMetrics({ ...metrics, ...(gradNorm && { grad_norm: gradNorm }) }, ranks)
      : undefined;
  });
}

/**
 * Leaves with each parameter the mean gradient over parts of the batch and ranks; nothing else has moved. What batch norms have seen
 * is either committed or forgotten.
 */
export function leaveGradients(parts: GradientParts, batch: Batch, clock: Clock) {
  const { method, config } = parts;
  const recorded = parts.recorded?.run(batch, clock);
  const statistics = new BatchStatistics();
  const found = statistics.during(() => {
    if (recorded?.loss) return { metrics: {}, next: recorded.loss.backward() };
    if (recorded) return backwardRecorded(method, recorded, { batch, clock });
    return config.batch.gradAccumSteps === 1
      ? backwardWhole(parts, batch, clock)
      : backwardInParts(parts, batch, clock);
  });
  return {
    ...found,
    statistics: {
      commit: () => {
        statistics.commit();
        recorded?.statistics.commit({ keep: true });
        recorded?.loss?.statistics.commit({ keep: true });
      },
      forget: () => statistics.forget(), // a record's own are written anew by its next replay
    },
  };
}

/** What happens to gradients between backward and the update. Returns the norm of all together, when it is bounded. */
function prepareGradients(
  { params, frozen }: Method,
  { clipGradNorm: bound, clipEachGradNorm: boundOfEach }: RunConfig['optimizer'],
  clock: Clock,
): Tensor | undefined {
  const names = frozen?.(clock);
  if (names) clearGrads([...names].map((name) => params.get(name)!));
  const tensors = [...params.values()];
  if (boundOfEach !== undefined) clipEachGradNorm(tensors, boundOfEach);
  return bound === undefined ? undefined : clipGradNorm(tensors, bound);
}

function backwardWhole({ method, averager }: GradientParts, batch: Batch, clock: Clock) {
  const { loss, metrics, next } = method.loss(method.features(batch, clock), batch.ids, clock);
  averager.backward(loss);
  return { metrics, next };
}

/** As backwardWhole, but the towers' kernels are replayed, and the loss is run op by op: where its metrics are wanted, or it changes with the clock. */
function backwardRecorded(
  method: Method,
  { features, learned, backward: pullBack }: Recorded,
  { batch, clock }: { batch: Batch; clock: Clock },
) {
  const whole: Features = { ...features };
  for (const name of learned) whole[name] = features[name].detach().requireGrad();
  const { loss, metrics, next } = method.loss(whole, batch.ids, clock);
  backward(loss);
  const pulls = gradsOf(learned.map((name) => whole[name]));
  pullBack(Object.fromEntries(learned.map((name, i) => [name, pulls[i]!])));
  return { metrics, next };
}

/**
 * Gradient accumulation that is exact for a loss over the whole batch (gradient caching, Gao et al. 2021): features of all parts
 * without gradient, the loss and its gradient by the features once, then each part again with gradient, pulled by its share.
 */
function backwardInParts({ method, averager, config }: GradientParts, batch: Batch, clock: Clock) {
  const parts = split(batch, config.batch.gradAccumSteps);
  const seen = parts.map((part) => noGrad(() => scope(() => method.features(part, clock))));
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
  const learned = names.flatMap((name, k) => (pulls[k] ? [[name, pulls[k]] as const] : [])); // targets are not
  parts.forEach((part, i) => {
    scope(() => {
      const features = method.features(part, clock);
      const rows = features[names[0]].shape[0];
      const pulled = learned.map(([name, pull]) => features[name].mul(pull.narrow(0, i * rows, rows)).sum());
      backward(pulled.reduce((sum, next) => sum.add(next)));
    });
  });
  averager.finish(); // gradients added up on this rank first
  return { metrics, next };
}

/** Equal parts of a batch. */
function split({ views, tokens, ids, rows }: Batch, count: number): Batch[] {
  const size = ids.shape[0] / count;
  return Array.from({ length: count }, (_, i) => {
    const cut = (tensor: Tensor) => tensor.narrow(0, i * size, size);
    return {
      views: views.map(cut),
      tokens: cut(tokens),
      ids: cut(ids),
      rows: { ...rows, first: rows.first + i * size },
    };
  });
}

/** The mean over ranks of each metric: one collective, one wait for the device. */
function readMetrics(metrics: Record<string, Tensor>, ranks: Ranks): Record<string, number> {
  const names = Object.keys(metrics);
  const all = ops.stack(names.map((name) => metrics[name].to('float32')));
  const values = ranks.allReduceMean(all, 'metrics').toNumbers();
  return Object.fromEntries(names.map((name, i) => [`train/${name}`, values[i]]));
}
