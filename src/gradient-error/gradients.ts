// P parameters.
import type { Batch, Method } from '../methods/index.ts';
import { computeGradients, type GradientParts } from '../step/step.ts';
import type { StepContext } from '../time/clock.ts';
import { clearGrads, gradsOf, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** open_clip's names, and timm's. */
const IMAGE_TOWERS = ['visual.', 'backbone.'];

export interface ParameterGroups {
  /** The image tower's first. */
  params: readonly Tensor[];
  names: readonly string[];
  /** Lengths of the parts of P that make the groups. */
  segments: readonly number[];
  /** Segments of each group; `all` is always there. */
  groups: Readonly<Record<string, readonly number[]>>;
}

/**
 * `all` parameters that learn now, without frozen ones; and the image tower's as `image`, when there are others.
 * @equation FastCL 2.1: g^c: gradient of a batch under compression c = (d, q), as a training step computes it
 */
export function parameterGroups(method: Method, clock: StepContext): ParameterGroups {
  const frozen = method.frozen?.(clock) ?? new Set();
  const learned = [...method.params].filter(([name, { requiresGrad }]) => requiresGrad && !frozen.has(name));
  const ofTower = ([name]: readonly [string, Tensor]) =>
    IMAGE_TOWERS.some((prefix) => name.startsWith(prefix));
  const parts = [learned.filter(ofTower), learned.filter((entry) => !ofTower(entry))];
  const segments = parts.map((part) => part.reduce((sum, [, { size }]) => sum + size, 0));
  const params = parts.flat().map(([, tensor]) => tensor);
  const names = parts.flat().map(([name]) => name);
  return segments.includes(0)
    ? { params, names, segments: segments.filter((length) => length > 0), groups: { all: [0] } }
    : { params, names, segments, groups: { image: [0], all: [0, 1] } };
}

/**
 * The gradient [P] of a training step on one batch. Zeros for a parameter that the loss does not reach. Nothing moves: no state, no
 * running statistics, no gradient of a leaf.
 * @param options.clock with the compression
 * @equation FastCL 2.1: g^c: gradient of a batch under compression c = (d, q), as a training step computes it
 */
export function gradientOf(
  parts: GradientParts,
  { batch, clock }: { batch: Batch; clock: StepContext },
  params: readonly Tensor[],
): Tensor {
  return scope(() => {
    computeGradients(parts, batch, clock).statistics.forget();
    const grads = gradsOf(params);
    // A CUDA graph's next replay overwrites its gradients: cat() copies them.
    const gradient = noGrad(() =>
      ops.cat(
        grads.map((grad, i) => (grad ?? ops.zeros_like(params[i])).reshape(-1)),
        0,
      ),
    );
    clearGrads([...parts.method.params.values()]);
    return gradient;
  });
}
