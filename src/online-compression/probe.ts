// One probe: the gradients of a few candidates on two batches, at the same weights. K samples of a batch, P parameters.
import { type Compression, keyOf } from '../compress/index.ts';
import { type AdamState, adamScale } from '../gradient-error/adam-scale.ts';
import { squaredMean, varianceOf } from '../gradient-error/estimate.ts';
import { FoldSums } from '../gradient-error/fold-sums.ts';
import { parameterGroups } from '../gradient-error/gradients.ts';
import type { Batch } from '../methods/index.ts';
import type { StepGraphs } from '../step/graphs/step-graphs.ts';
import { computeGradients, type GradientParts } from '../step/step.ts';
import type { StepContext } from '../time/clock.ts';
import { clearGrads, gradsOf, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Probe } from './averages.ts';

/** What a training step has. A probe replays its graphs and captures none: each would take as much memory as a step. */
export type ProbeParts = Omit<GradientParts, 'graphs'> & { graphs?: Pick<StepGraphs, 'replay'> };

export interface ProbeContext {
  /** The whole sequence first. */
  candidates: readonly Compression[];
  /** The batch that is trained on next, and the one after it. */
  batches: readonly [Batch, Batch];
  /** Of the step with the first batch. */
  clock: StepContext;
  device: string;
  /** Gradients are weighed as by a step of Adam. */
  adam?: AdamState;
}

/**
 * Bias and variance of each candidate's gradient, as the training step takes it. With g_A and g_B of a candidate on the two batches, and
 * d_A and d_B their differences to the whole sequence's: Bias^2 = <d_A, d_B>, Var = K / 2 |g_A - g_B|^2, |G|^2 = <g_A, g_B> of whole
 * sequences. They are the estimates of an analysis with two folds of one sub-batch each, and like them without bias. Four vectors of P
 * are held, and Adam's scale where it counts, whatever the number of candidates. Masks are those of the steps that the batches are trained in, the same for all
 * candidates of one patch size. Nothing moves, and no gradient stays. Collective; waits for the device.
 */
export function takeProbe(training: ProbeParts, context: ProbeContext): Probe {
  const { candidates, batches, clock, device, adam } = context;
  const { graphs, ...plain } = training;
  const parts: GradientParts = graphs
    ? { ...plain, graphs: { run: (batch, at, options) => graphs.replay(batch, at, options) } }
    : plain;
  const [whole, ...others] = candidates;
  const { params, names } = parameterGroups(parts.method, clock);
  const moment = adam?.secondMoment(names);
  const scale = moment && adamScale(moment, adam!);
  const segments = [params.reduce((sum, { size }) => sum + size, 0)];
  const [baseline, sums] = [0, 1].map(() => new FoldSums({ folds: batches.length, segments, device }));
  const subBatch = batches[0].rows.total;
  const measure = (candidate: Compression, into: FoldSums) => {
    into.clear();
    batches.forEach((batch, i) => {
      const { tokenDropout, patchSize } = candidate;
      const at = { ...clock, step: clock.step + i, compression: { tokenDropout, patchSize } };
      scope(() => {
        const gradient = stepGradient(parts, { batch, clock: at }, params);
        into.add(scale ? gradient.mul_(scale) : gradient);
      });
    });
    const [moments] = into.moments(baseline, { subBatch });
    const point = {
      biasSquared: squaredMean(moments.difference).value,
      variance: varianceOf(moments).value,
    };
    return { moments, entry: [keyOf(candidate), point] as const };
  };
  try {
    const { moments, entry } = measure(whole, baseline);
    const entries = [entry, ...others.map((candidate) => measure(candidate, sums).entry)];
    return { gradientSquared: squaredMean(moments.own).value, points: Object.fromEntries(entries) };
  } finally {
    baseline.dispose();
    sums.dispose();
  }
}

/** A copy [P] of the gradient that a training step would hand to its update; zeros for a parameter that the loss does not reach. */
function stepGradient(
  parts: GradientParts,
  { batch, clock }: { batch: Batch; clock: StepContext },
  params: readonly Tensor[],
): Tensor {
  computeGradients(parts, batch, clock).statistics.forget();
  const grads = gradsOf(params);
  // The next replay overwrites the gradients of a graph: cat() copies.
  const flat = noGrad(() =>
    ops.cat(
      grads.map((grad, i) => (grad ?? ops.zeros_like(params[i])).reshape(-1)),
      0,
    ),
  );
  clearGrads([...parts.method.params.values()]);
  return flat;
}
