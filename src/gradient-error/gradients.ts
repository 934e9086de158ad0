// P parameters.
import type { Batch, Method } from '../methods/index.ts';
import { BatchStatistics } from '../nn/batch-norm.ts';
import type { StepContext } from '../time/clock.ts';
import { gradients, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** What an image tower's parameters are called: open_clip's name, then timm's as methods of pictures alone have it. */
const TOWERS = ['visual.', 'backbone.'];

/** The parameters that are trained at a moment, and the groups of them that errors are told of. */
export interface ParameterGroups {
  /** The image tower's first, so that each group is a run of them. */
  params: readonly Tensor[];
  names: readonly string[];
  /** Lengths of the runs that groups are made of. */
  segments: readonly number[];
  /** Which segments make each group; `all` is always there. */
  groups: Readonly<Record<string, readonly number[]>>;
}

/**
 * All parameters of `method.params` that learn at this moment, and `image` apart, the image tower's alone, when there are others.
 * A parameter is the tower's by its name, which starts with `visual.` or `backbone.`. Those that the method freezes now are left
 * out: their gradient is ignored.
 */
export function parameterGroups(method: Method, clock: StepContext): ParameterGroups {
  const frozen = method.frozen?.(clock) ?? new Set();
  const learned = [...method.params].filter(([name, { requiresGrad }]) => requiresGrad && !frozen.has(name));
  const ofTower = ([name]: readonly [string, Tensor]) => TOWERS.some((prefix) => name.startsWith(prefix));
  const parts = [learned.filter(ofTower), learned.filter((entry) => !ofTower(entry))];
  const segments = parts.map((part) => part.reduce((sum, [, { size }]) => sum + size, 0));
  const params = parts.flat().map(([, tensor]) => tensor);
  const names = parts.flat().map(([name]) => name);
  return segments.includes(0)
    ? { params, names, segments: segments.filter((length) => length > 0), groups: { all: [0] } }
    : { params, names, segments, groups: { image: [0], all: [0, 1] } };
}

/**
 * The gradient [P] of a method's loss on one batch, in the run's precision, by the parameters in their order: through features()
 * and loss() as a training step takes it, batch norms by their batch. Nothing moves: no state, no running statistics, no gradient
 * of a leaf. Zeros for a parameter that the loss does not reach.
 * @param at.clock says how the sequences are shortened
 */
export function gradientOf(
  method: Method,
  { batch, clock }: { batch: Batch; clock: StepContext },
  params: readonly Tensor[],
): Tensor {
  const statistics = new BatchStatistics();
  try {
    return scope(() => {
      const loss = statistics.during(() => method.loss(method.features(batch, clock), batch.ids, clock).loss);
      const found = gradients([loss], params);
      return ops.cat(
        found.map((gradient, i) => (gradient ?? ops.zeros_like(params[i])).reshape(-1)),
        0,
      );
    });
  } finally {
    statistics.forget();
  }
}
