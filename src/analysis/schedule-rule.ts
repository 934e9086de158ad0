// From the errors of candidates at several stages to the candidate of each moment (section 3.1).
import { type Compression, type ScheduleFile, type StepTimes, secondsOf } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import { adjustedError, type Estimate } from '../gradient-error/estimate.ts';
import type { Analysis, AnalysisGroup, AnalysisPoint, AnalysisStage } from './schema.ts';

export interface RuleOptions {
  /** What the analysis's budget is multiplied by; 1 by default. */
  budgetFactor?: number;
  /** Errors between two stages follow from both, instead of being those of the nearer one. */
  interpolate?: boolean;
  /** Never more compressed than before: neither more dropout nor larger patches. */
  monotone?: boolean;
  /** Whose gradient: `all` of the parameters that learn, by default; the `image` tower's; or `adam`, all in the scale of Adam's steps. */
  parameters?: string;
  /** Costs by these measured seconds instead of by tokens: the error at equal time. */
  stepTimes?: StepTimes;
}

/** A candidate with its error at one moment, at some budget. */
export interface Weighed extends Compression {
  cost: number;
  error: Estimate;
}

/** What the rule says of one stage. */
export interface Choice {
  progress: number;
  best: Weighed;
  /** Others whose intervals reach below the best one's error: the samples do not tell them apart. */
  alike: Weighed[];
}

export interface FoundSchedule {
  file: ScheduleFile;
  /** Of each stage of the analysis: the least error there, whatever comes before and after. */
  choices: Choice[];
  /** The mean cost of a sample of a run whose budget is in forwards, and that of whole sequences: their ratio is how many more samples it sees. */
  meanCost: number;
  wholeCost: number;
}

/** Pieces of a run whose errors are interpolated. */
const PIECES = 20;

/** The schedule of least cost-adjusted error. Throws a CoupletError for a group of parameters that the analysis lacks. */
export function scheduleOf(analysis: Analysis, options: RuleOptions = {}): FoundSchedule {
  const { interpolate = false, monotone = false, budgetFactor = 1 } = options;
  if (!(budgetFactor > 0)) throw new CoupletError(`--budget ${budgetFactor}: expected a number above 0.`);
  const stages = analysis.stages.map((stage) => ({
    progress: stage.share, // a step from stage.progress at most, and a rounder number
    points: weighed(timed(groupOf(stage, options), { ...options, ownPatchSize: analysis.run.patchSize }), {
      budget: analysis.settings.budget * budgetFactor,
    }),
  }));
  const pieces = interpolate ? interpolated(stages) : binned(stages);
  const picked = monotone
    ? fallingPath(pieces, stages[0].points)
    : pieces.map(({ errors }) => leastOf(errors));
  const [{ points }] = stages;
  const list = merged(pieces.map(({ from }, i) => ({ from, ...pick(points[picked[i]]) })));
  const { imageSize, patchSize, method } = analysis.run;
  return {
    file: { version: 1, imageSize, patchSize, method, stages: list },
    choices: stages.map(({ progress, points: here }) => choiceOf(progress, here)),
    meanCost: 1 / pieces.reduce((sum, { length }, i) => sum + length / points[picked[i]].cost, 0),
    wholeCost: points[0].cost,
  };
}

/** One group of parameters of a stage. */
export function groupOf(
  stage: AnalysisStage,
  { parameters = 'all' }: Pick<RuleOptions, 'parameters'>,
): AnalysisGroup {
  const group = stage.groups[parameters];
  if (group) return group;
  throw new CoupletError(
    `The analysis has no gradient of '${parameters}': use --parameters ${Object.keys(stage.groups).join(' or ')}.`,
  );
}

const pick = ({ tokenDropout, patchSize }: AnalysisPoint | Weighed): Compression => ({
  tokenDropout,
  patchSize,
});

/** Points with costs in proportion to a table of step times, that of whole sequences as it was; as they are without a table. */
function timed(
  group: AnalysisGroup,
  { stepTimes, ownPatchSize }: Pick<RuleOptions, 'stepTimes'> & { ownPatchSize: number },
): AnalysisGroup {
  if (!stepTimes) return group;
  const [whole] = group.points;
  const secondsAt = (point: AnalysisPoint) =>
    secondsOf(pick(point), stepTimes, { ownPatchSize, name: '--step-times' });
  const scale = whole.cost / secondsAt(whole);
  return { ...group, points: group.points.map((point) => ({ ...point, cost: scale * secondsAt(point) })) };
}

/** The points of a stage with their errors at a budget in forwards. */
export function weighed({ points }: AnalysisGroup, { budget }: { budget: number }): Weighed[] {
  return points.map((point) => ({
    ...pick(point),
    cost: point.cost,
    error: adjustedError(point, point.cost / budget),
  }));
}

function choiceOf(progress: number, points: readonly Weighed[]): Choice {
  const best = points[leastOf(points.map(({ error }) => error.value))];
  return {
    progress,
    best,
    alike: points.filter((point) => point !== best && point.error.low <= best.error.value),
  };
}

/** A piece of a run and the error of each candidate in it. */
interface Piece {
  from: number;
  length: number;
  errors: readonly number[];
}

type StagePoints = { progress: number; points: readonly Weighed[] };
const errorsOf = ({ points }: StagePoints) => points.map(({ error }) => error.value);

/** Bins centred on the stages: each stage stands for what is nearer to it than to another. */
function binned(stages: readonly StagePoints[]): Piece[] {
  const starts = stages.map(({ progress }, i) => (i === 0 ? 0 : (stages[i - 1].progress + progress) / 2));
  return stages.map((stage, i) => ({
    from: starts[i],
    length: (starts[i + 1] ?? 1) - starts[i],
    errors: errorsOf(stage),
  }));
}

/** Equal pieces; in the middle of each, errors on a straight line, in logarithms, between the stages on both sides. */
function interpolated(stages: readonly StagePoints[]): Piece[] {
  return Array.from({ length: PIECES }, (_, k) => {
    const middle = (k + 0.5) / PIECES;
    const after = stages.findIndex(({ progress }) => progress >= middle);
    const high = stages.at(after)!; // the last one where none comes after
    const low = stages.at(after === 0 ? 0 : after - 1) ?? high; // one stage alone stands for all
    const apart = high.progress - low.progress;
    const share = apart > 0 ? Math.min(1, Math.max(0, (middle - low.progress) / apart)) : 0;
    const [before, later] = [errorsOf(low), errorsOf(high)];
    const errors = before.map((error, i) => Math.exp((1 - share) * logOf(error) + share * logOf(later[i])));
    return { from: k / PIECES, length: 1 / PIECES, errors };
  });
}

const logOf = (error: number) => Math.log(Math.max(error, Number.MIN_VALUE));
const leastOf = (values: readonly number[]) => values.indexOf(Math.min(...values));

/**
 * The path that never compresses more than before and gives away least: of least mean log(error / least error of the piece).
 * Dynamic programming over the pieces.
 */
function fallingPath(pieces: readonly Piece[], points: readonly Compression[]): number[] {
  const losses = pieces.map(({ errors, length }) => {
    const least = logOf(Math.min(...errors));
    return errors.map((error) => length * (logOf(error) - least));
  });
  let best = losses[0].map((loss, i) => ({ loss, path: [i] }));
  for (const here of losses.slice(1))
    best = here.map((loss, i) => {
      const allowed = best.filter(({ path }) => isLighter(points[i], points[path.at(-1)!]));
      const before = allowed.reduce((least, next) => (next.loss < least.loss ? next : least));
      return { loss: before.loss + loss, path: [...before.path, i] };
    });
  return best.reduce((least, next) => (next.loss < least.loss ? next : least)).path;
}

/** Neither more dropout nor larger patches; a candidate may follow itself. */
const isLighter = (next: Compression, before: Compression) =>
  next.tokenDropout <= before.tokenDropout && next.patchSize <= before.patchSize;

/** Neighbours that are the same as one. */
function merged(stages: readonly ScheduleFile['stages'][number][]): ScheduleFile['stages'] {
  return stages.filter((stage, i) => {
    const before = stages[i - 1];
    return !before || stage.tokenDropout !== before.tokenDropout || stage.patchSize !== before.patchSize;
  });
}
