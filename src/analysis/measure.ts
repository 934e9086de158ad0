import type { Candidate, Compression } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import { type AdamState, adamScale } from '../gradient-error/adam-scale.ts';
import type { Moments } from '../gradient-error/estimate.ts';
import { FoldSums, joined } from '../gradient-error/fold-sums.ts';
import { gradientOf, type ParameterGroups, parameterGroups } from '../gradient-error/gradients.ts';
import type { GradientParts } from '../step/step.ts';
import type { StepContext } from '../time/clock.ts';
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Samples } from './samples.ts';
import type { Settings } from './settings.ts';

export interface SnapshotContext {
  training: GradientParts;
  device: string;
  settings: Settings;
  /** Of the step after the checkpoint. */
  clock: StepContext;
  /** Names the snapshot in errors. */
  moment: string;
  samples: Samples;
  /** For the control. */
  others: Samples;
  /** Of the run's optimizer, for the group `adam`. */
  adam?: AdamState;
  signal?: AbortSignal;
  onBatch(candidate: Candidate): void;
}

export interface Measured {
  kind: 'candidate' | 'control';
  candidate: Candidate;
  moments: Record<string, Moments>;
}

/**
 * One pass per candidate, the whole sequence first. Memory: two sets of fold sums. All passes have the same samples, views and draws,
 * so that noise cancels in differences; token masks of one patch size are nested.
 * @param isWanted passes to return; the whole sequence always runs
 */
export async function* measureSnapshot(
  context: SnapshotContext,
  isWanted: (kind: Measured['kind'], candidate: Candidate) => boolean,
): AsyncGenerator<Measured> {
  const { settings, device, training, clock } = context;
  const learned = parameterGroups(training.method, clock);
  const scale = context.adam && (await scaleOf(context, learned));
  const groups = scale ? { ...withScaled(learned), scale } : learned;
  const shape = { folds: settings.folds, segments: groups.segments, device };
  const baseline = new FoldSums(shape);
  const sums = new FoldSums(shape);
  const measured = (kind: Measured['kind'], candidate: Candidate, from: FoldSums): Measured => ({
    kind,
    candidate,
    moments: momentsOf(from, { baseline, groups, context, candidate }),
  });
  const [whole, ...rest] = settings.grid;
  try {
    if (!(await pass(baseline, whole, { context, groups, samples: context.samples }))) return;
    const wholeSequence = measured('candidate', whole, baseline);
    if (isWanted('candidate', whole)) yield wholeSequence;
    if (isWanted('control', whole)) {
      if (!(await pass(sums, whole, { context, groups, samples: context.others }))) return;
      yield measured('control', whole, sums);
    }
    for (const candidate of rest.filter((each) => isWanted('candidate', each))) {
      if (!(await pass(sums, candidate, { context, groups, samples: context.samples }))) return;
      yield measured('candidate', candidate, sums);
    }
  } finally {
    baseline.dispose();
    sums.dispose();
    scale?.dispose();
  }
}

/** With `scale`, the last segment is all parameters again, scaled. */
type Layout = ParameterGroups & { scale?: Tensor };

interface PassContext {
  context: SnapshotContext;
  groups: Layout;
  samples: Samples;
}

function withScaled({ segments, groups, ...learned }: ParameterGroups): ParameterGroups {
  const whole = segments.reduce((sum, length) => sum + length, 0);
  return { ...learned, segments: [...segments, whole], groups: { ...groups, adam: [segments.length] } };
}

/** Before the optimizer's first step: from the mean squared gradient on other samples. */
async function scaleOf(context: SnapshotContext, groups: ParameterGroups): Promise<Tensor> {
  const { adam, others, training, clock, onBatch, signal, device } = context;
  const [whole] = context.settings.grid;
  const saved = noGrad(() => scope(() => adam!.secondMoment(groups.names)))?.persist();
  const length = groups.segments.reduce((sum, segment) => sum + segment, 0);
  const moment = saved ?? zeros([length], { device }).persist();
  if (!saved)
    await others.pass((batch, index) => {
      const { tokenDropout, patchSize } = whole;
      const stepClock = {
        ...clock,
        step: clock.step + index,
        compression: { tokenDropout, patchSize },
      };
      const gradient = gradientOf(training, { batch, clock: stepClock }, groups.params);
      noGrad(() => moment.add_(gradient.pow(2)));
      onBatch(whole);
    }, signal);
  const count = context.settings.samples / context.settings.subBatch;
  const scale = scope(() => adamScale(saved ? moment : moment.div(count), adam!)).persist();
  moment.dispose();
  return scale;
}

/** Returns false when the signal stopped it. */
function pass(
  sums: FoldSums,
  candidate: Candidate,
  { context, groups, samples }: PassContext,
): Promise<boolean> {
  const { training, clock, signal, onBatch } = context;
  const { tokenDropout, patchSize } = candidate;
  const compression: Compression = { tokenDropout, patchSize };
  sums.clear();
  return samples.pass((batch, index) => {
    // Each sub-batch has its own step, and so its own token masks.
    const stepClock = { ...clock, step: clock.step + index, compression };
    const gradient = gradientOf(training, { batch, clock: stepClock }, groups.params);
    sums.add(groups.scale ? ops.cat([gradient, gradient.mul(groups.scale)], 0) : gradient);
    onBatch(candidate);
  }, signal);
}

/** By group. Throws a CoupletError for a gradient that is not finite, and for a true gradient of zero. */
function momentsOf(
  sums: FoldSums,
  {
    baseline,
    groups,
    context,
    candidate,
  }: { baseline: FoldSums; groups: ParameterGroups; context: SnapshotContext; candidate: Candidate },
): Record<string, Moments> {
  const parts = sums.moments(baseline, { subBatch: context.settings.subBatch });
  const entries = Object.entries(groups.groups).map(([name, segments]) => {
    const moments = joined(segments.map((segment) => parts[segment]));
    const [size] = [moments.own, moments.difference].map((table) =>
      table.flat().reduce((sum, value) => sum + value, 0),
    );
    const subject = `${context.moment}: the gradient of ${name === 'image' ? 'the image tower' : 'the model'} with tokenDropout ${candidate.tokenDropout} and patchSize ${candidate.patchSize}`;
    if (![...moments.own.flat(), ...moments.difference.flat(), ...moments.squares].every(Number.isFinite))
      throw new CoupletError(
        `${subject} is not finite. If the run has diverged, ask for earlier snapshots with --at; else try --set precision=float32.`,
      );
    if (sums === baseline && size === 0)
      throw new CoupletError(
        `${subject} is zero, and errors are in units of it: the method learns nothing there. Ask for other snapshots with --at.`,
      );
    return [name, moments] as const;
  });
  return Object.fromEntries(entries);
}
