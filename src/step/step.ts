// ONE STEP: features -> loss -> backward -> clip -> optimizer -> commit. No method is named here.
import type { RunConfig } from '../config/index.ts';
import type { Batch, Method, MethodLoss } from '../methods/index.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import { clipEachGradNorm, clipGradNorm, type Optimizer, type WeightAverage } from '../optim/index.ts';
import type { GradientAverager, Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import { clearGrads, noGrad, scope, type Tensor } from '../torch/index.ts';
import { backwardInParts } from './accumulate.ts';
import { backwardCaptured } from './graphs/backward.ts';
import type { StepGraphs } from './graphs/step-graphs.ts';
import { readMetrics } from './metrics.ts';

export interface GradientParts {
  method: Method;
  config: Pick<RunConfig, 'batch' | 'optimizer'>;
  averager: GradientAverager;
  graphs?: Pick<StepGraphs, 'run'>;
}

export interface StepParts extends GradientParts {
  optimizer: Optimizer;
  /** Follows the weights. */
  average?: WeightAverage;
  ranks: Ranks;
}

/** Besides gradients. */
export type AfterBackward = Omit<MethodLoss<unknown>, 'loss'>;

/**
 * One update. Collective.
 * @param batch the samples of this rank
 * @param options.log return the metrics, which waits for the device
 * @equation FastCLIP 5: gradient caching (Gao et al. 2021): features of all parts, the loss once, then the backward pass of each part
 */
export function trainStep(
  parts: StepParts,
  batch: Batch,
  context: StepContext,
  { log }: { log: boolean },
): Record<string, number> | undefined {
  const { method, optimizer, average, ranks, config } = parts;
  const { lr, weightDecay } = context;
  return scope(() => {
    const { next, metrics, statistics } = computeGradients(parts, batch, context, { log });
    const gradNorm = clipGradients(method, config.optimizer, context);
    optimizer.step({ lr, ...(weightDecay !== undefined && { weightDecay }) });
    method.commit(next, context);
    statistics.commit();
    average?.update();
    return metrics && readMetrics({ ...metrics, ...(gradNorm && { grad_norm: gradNorm }) }, ranks);
  });
}

/** The plain path: the whole batch, op by op. */
function backwardWhole(
  { method, averager }: GradientParts,
  batch: Batch,
  context: StepContext,
): AfterBackward {
  const features = method.features(batch, context);
  const { loss, metrics, next } = method.loss(features, batch.ids, context);
  averager.backward(loss);
  return { metrics, next };
}

/**
 * Leaves the mean gradient over all ranks with each parameter, and changes nothing else. Three paths have the same result: whole, in
 * parts, or by replaying CUDA graphs. The caller commits or forgets the batch norms' statistics.
 */
export function computeGradients(
  parts: GradientParts,
  batch: Batch,
  context: StepContext,
  { log = false }: { log?: boolean } = {},
) {
  const captured = parts.graphs?.run(batch, context, { loss: !log });
  const eager = new BatchStatistics();
  const { next, metrics } = eager.during(() => {
    const result = captured
      ? backwardCaptured(parts.method, captured, { batch, context })
      : parts.config.batch.gradAccumSteps === 1
        ? backwardWhole(parts, batch, context)
        : backwardInParts(parts, batch, context);
    return { next: result.next, metrics: log ? noGrad(result.metrics) : undefined };
  });
  const statistics = {
    commit: () => {
      eager.commit();
      captured?.statistics.commit({ keep: true });
      captured?.loss?.statistics.commit({ keep: true });
    },
    forget: () => eager.forget(), // the next replay overwrites those of the graphs
  };
  return { next, metrics, statistics };
}

/** Clears the gradients of frozen parameters and clips the others. Returns their norm before clipping, with `clipGradNorm`. */
function clipGradients(
  { params, frozen }: Method,
  { clipGradNorm: bound, clipEachGradNorm: boundOfEach }: RunConfig['optimizer'],
  context: StepContext,
): Tensor | undefined {
  const names = frozen?.(context);
  if (names) clearGrads([...names].map((name) => params.get(name)!));
  const tensors = [...params.values()];
  if (boundOfEach !== undefined) clipEachGradNorm(tensors, boundOfEach);
  return bound === undefined ? undefined : clipGradNorm(tensors, bound);
}
