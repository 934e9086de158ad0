// K samples of a batch, P parameters.
import { type Compression, keyOf } from '../compress/index.ts';
import { type AdamState, adamScale } from '../gradient-error/adam-scale.ts';
import { squaredMean, varianceOf } from '../gradient-error/estimate.ts';
import { FoldSums } from '../gradient-error/fold-sums.ts';
import { gradientOf, parameterGroups } from '../gradient-error/gradients.ts';
import type { Batch } from '../methods/index.ts';
import type { StepGraphs } from '../step/graphs/step-graphs.ts';
import type { GradientParts } from '../step/step.ts';
import type { StepContext } from '../time/clock.ts';
import { scope } from '../torch/index.ts';
import type { Probe } from './averages.ts';

/** A probe captures no CUDA graphs: each takes a step's memory. */
export type ProbeParts = Omit<GradientParts, 'graphs'> & { graphs?: Pick<StepGraphs, 'replay'> };

export interface ProbeContext {
  /** The whole sequence first. */
  compressions: readonly Compression[];
  /** Of the next two steps. */
  batches: readonly [Batch, Batch];
  /** Of the first batch. */
  clock: StepContext;
  device: string;
  /** Weighs gradients as Adam's steps do. */
  adam?: AdamState;
}

/**
 * Bias and variance of each compression's gradient. With gradients g_A and g_B on the two batches, and their differences d_A and
 * d_B to the whole sequence's:
 *   Bias^2 = <d_A, d_B>    Var = K / 2 |g_A - g_B|^2    |G|^2 = <g_A, g_B> of whole sequences.
 * Unbiased: an analysis (estimate.ts) of two folds. Memory: four vectors of P, and one for Adam's scale. Masks are those of the
 * training steps. Nothing moves. Collective; waits for the device.
 * @equation FastCL 2: a probe of two batches A and B: Bias^2 = <d_A, d_B>, d = g^c - g; Var = K / 2 |g^c_A - g^c_B|^2; |G|^2 = <g_A, g_B> (ours)
 */
export function takeProbe(training: ProbeParts, context: ProbeContext): Probe {
  const { compressions, batches, clock, device, adam } = context;
  const { graphs, ...plain } = training;
  const parts: GradientParts = graphs
    ? { ...plain, graphs: { run: (batch, clock, options) => graphs.replay(batch, clock, options) } }
    : plain;
  const [whole, ...others] = compressions;
  const { params, names } = parameterGroups(parts.method, clock);
  const moment = adam?.secondMoment(names);
  const scale = moment && adamScale(moment, adam!);
  const segments = [params.reduce((sum, { size }) => sum + size, 0)];
  const [baseline, sums] = [0, 1].map(() => new FoldSums({ folds: batches.length, segments, device }));
  const subBatch = batches[0].rows.total;
  const measure = ({ tokenDropout, patchSize }: Compression, into: FoldSums) => {
    into.clear();
    batches.forEach((batch, i) => {
      const stepClock = { ...clock, step: clock.step + i, compression: { tokenDropout, patchSize } };
      scope(() => {
        const gradient = gradientOf(parts, { batch, clock: stepClock }, params);
        into.add(scale ? gradient.mul_(scale) : gradient);
      });
    });
    const [moments] = into.moments(baseline, { subBatch });
    return moments;
  };
  try {
    const moments = [measure(whole, baseline), ...others.map((compression) => measure(compression, sums))];
    const errors = moments.map((each) => ({
      biasSquared: squaredMean(each.difference).value,
      variance: varianceOf(each).value,
    }));
    return {
      gradientSquared: squaredMean(moments[0].own).value,
      byCompression: Object.fromEntries(compressions.map((each, i) => [keyOf(each), errors[i]])),
    };
  } finally {
    baseline.dispose();
    sums.dispose();
  }
}
