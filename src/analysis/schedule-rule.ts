// The schedule that follows from an analysis (FastCL 3.1).
import {
  type Candidate,
  type Compression,
  type ScheduleFile,
  type StepTimes,
  secondsOf,
} from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import { adjustedError, type Estimate } from '../gradient-error/estimate.ts';
import type { Analysis, AnalysisGroup, AnalysisSnapshot } from './schema.ts';

export interface RuleOptions {
  /** Compute of one gradient, as a multiple of a full batch; default 1. */
  gradientCompute?: number;
  /** Errors between snapshots follow from both, not from the nearer one. */
  interpolate?: boolean;
  /** Never more dropout or larger patches than before. */
  monotone?: boolean;
  /** Group of parameters: `all` (default), `image`, or `adam` (all in the scale of Adam's steps). */
  parameters?: string;
  /** Costs by seconds instead of tokens. */
  stepTimes?: StepTimes;
}

export interface WeighedCandidate extends Compression, Pick<Candidate, 'cost'> {
  error: Estimate;
}

export interface SnapshotBest {
  progress: number;
  best: WeighedCandidate;
  /** Intervals that reach below the best error. */
  alike: WeighedCandidate[];
}

export interface ScheduleResult {
  file: ScheduleFile;
  snapshots: SnapshotBest[];
  /** Of a sample, for a budget in forwards. */
  meanCost: number;
  wholeCost: number;
}

/** Pieces of a run with interpolated errors. */
const PIECES = 20;

/**
 * Least cost-adjusted error. Throws a CoupletError for a group of parameters that the analysis lacks.
 * @equation FastCL 3.1: c*(s) = argmin CA-MSE of the nearest snapshot
 * @equation FastCL 3.1: never stronger compression than before; or log errors interpolated between snapshots (ours)
 */
export function scheduleOf(analysis: Analysis, options: RuleOptions = {}): ScheduleResult {
  const { interpolate = false, monotone = false, gradientCompute = 1 } = options;
  if (!(gradientCompute > 0))
    throw new CoupletError(`--gradient-compute ${gradientCompute}: expected a number above 0.`);
  const { imageSize, patchSize, method } = analysis.run;
  const forwards = analysis.settings.batchForwards * gradientCompute;
  const snapshots = analysis.snapshots.map((snapshot) => ({
    progress: snapshot.share, // within a step of snapshot.progress, and rounder
    candidates: weighed(costsOf(groupOf(snapshot, options), { ...options, ownPatchSize: patchSize }), {
      forwards,
    }),
  }));
  const [{ candidates }] = snapshots;
  const pieces = interpolate ? interpolated(snapshots) : binned(snapshots);
  const picked = monotone
    ? fallingPath(pieces, candidates)
    : pieces.map(({ errors }) => indexOfLeast(errors));
  const stages = withoutRepeats(
    pieces.map(({ from }, i) => ({ from, ...compressionOf(candidates[picked[i]]) })),
  );
  return {
    file: { version: 1, imageSize, patchSize, method, stages },
    snapshots: snapshots.map(bestOf),
    meanCost: 1 / pieces.reduce((sum, { length }, i) => sum + length / candidates[picked[i]].cost, 0),
    wholeCost: candidates[0].cost,
  };
}

export function groupOf(
  snapshot: AnalysisSnapshot,
  { parameters = 'all' }: Pick<RuleOptions, 'parameters'>,
): AnalysisGroup {
  const group = snapshot.groups[parameters];
  if (group) return group;
  throw new CoupletError(
    `The analysis has no gradient of '${parameters}': use --parameters ${Object.keys(snapshot.groups).join(' or ')}.`,
  );
}

const compressionOf = ({ tokenDropout, patchSize }: Compression): Compression => ({
  tokenDropout,
  patchSize,
});

/** Costs in proportion to step times; whole sequences keep theirs. */
function costsOf(
  group: AnalysisGroup,
  { stepTimes, ownPatchSize }: Pick<RuleOptions, 'stepTimes'> & { ownPatchSize: number },
): AnalysisGroup {
  if (!stepTimes) return group;
  const [whole] = group.candidates;
  const secondsFor = (compression: Compression) =>
    secondsOf(compression, stepTimes, { ownPatchSize, name: '--step-times' });
  const scale = whole.cost / secondsFor(whole);
  return {
    ...group,
    candidates: group.candidates.map((candidate) => ({ ...candidate, cost: scale * secondsFor(candidate) })),
  };
}

/** @param options.forwards of one gradient */
function weighed({ candidates }: AnalysisGroup, { forwards }: { forwards: number }): WeighedCandidate[] {
  return candidates.map((candidate) => ({
    ...compressionOf(candidate),
    cost: candidate.cost,
    error: adjustedError(candidate, candidate.cost / forwards),
  }));
}

interface WeighedSnapshot {
  progress: number;
  candidates: readonly WeighedCandidate[];
}

function bestOf({ progress, candidates }: WeighedSnapshot): SnapshotBest {
  const best = candidates[indexOfLeast(candidates.map(({ error }) => error.value))];
  const isAlike = (other: WeighedCandidate) => other !== best && other.error.low <= best.error.value;
  return { progress, best, alike: candidates.filter(isAlike) };
}

interface Piece {
  from: number;
  length: number;
  errors: readonly number[];
}

const errorsOf = ({ candidates }: WeighedSnapshot) => candidates.map(({ error }) => error.value);

/**
 * Bins centred on the snapshots.
 * @equation FastCL 3.1: c*(s) = argmin CA-MSE of the nearest snapshot
 */
function binned(snapshots: readonly WeighedSnapshot[]): Piece[] {
  const starts = snapshots.map(({ progress }, i) =>
    i === 0 ? 0 : (snapshots[i - 1].progress + progress) / 2,
  );
  return snapshots.map((snapshot, i) => ({
    from: starts[i],
    length: (starts[i + 1] ?? 1) - starts[i],
    errors: errorsOf(snapshot),
  }));
}

/** Equal pieces; errors are linear in logarithms between snapshots. */
function interpolated(snapshots: readonly WeighedSnapshot[]): Piece[] {
  return Array.from({ length: PIECES }, (_, k) => {
    const middle = (k + 0.5) / PIECES;
    const after = snapshots.findIndex(({ progress }) => progress >= middle);
    const high = snapshots.at(after)!; // the last one where none comes after
    const low = snapshots.at(after === 0 ? 0 : after - 1) ?? high; // a single snapshot stands for the run
    const distance = high.progress - low.progress;
    const share = distance > 0 ? Math.min(1, Math.max(0, (middle - low.progress) / distance)) : 0;
    const [before, later] = [errorsOf(low), errorsOf(high)];
    const errors = before.map((error, i) => Math.exp((1 - share) * logOf(error) + share * logOf(later[i])));
    return { from: k / PIECES, length: 1 / PIECES, errors };
  });
}

const logOf = (error: number) => Math.log(Math.max(error, Number.MIN_VALUE));
const indexOfLeast = (values: readonly number[]) => values.indexOf(Math.min(...values));

/**
 * The falling path of least mean log(error / least error), by dynamic programming.
 * @equation FastCL 3.1: never stronger compression than before; or log errors interpolated between snapshots (ours)
 */
function fallingPath(pieces: readonly Piece[], candidates: readonly Compression[]): number[] {
  const losses = pieces.map(({ errors, length }) => {
    const least = logOf(Math.min(...errors));
    return errors.map((error) => length * (logOf(error) - least));
  });
  let best = losses[0].map((loss, i) => ({ loss, path: [i] }));
  for (const pieceLosses of losses.slice(1))
    best = pieceLosses.map((loss, i) => {
      const allowed = best.filter(({ path }) => isLighter(candidates[i], candidates[path.at(-1)!]));
      const before = allowed.reduce((least, next) => (next.loss < least.loss ? next : least));
      return { loss: before.loss + loss, path: [...before.path, i] };
    });
  return best.reduce((least, next) => (next.loss < least.loss ? next : least)).path;
}

const isLighter = (next: Compression, before: Compression) =>
  next.tokenDropout <= before.tokenDropout && next.patchSize <= before.patchSize;

function withoutRepeats(stages: ScheduleFile['stages']): ScheduleFile['stages'] {
  return stages.filter((stage, i) => {
    const before = stages[i - 1];
    return !before || stage.tokenDropout !== before.tokenDropout || stage.patchSize !== before.patchSize;
  });
}
