import type { Candidate } from '../compress/index.ts';
import {
  adjustedError,
  type Moments,
  type SquaredMean,
  squaredMean,
  varianceOf,
} from '../gradient-error/estimate.ts';
import { resolveConfig } from '../run/resolve.ts';
import type { AnalysisContext } from './context.ts';
import type { PassLine } from './pass-log.ts';
import type { Analysis, AnalysisGroup, MeasuredCandidate } from './schema.ts';
import type { Settings } from './settings.ts';

/** In units of the squared true gradient. */
export function summaryOf({
  config,
  device,
  settings,
  snapshots,
  passLog,
  datasetSize,
}: AnalysisContext): Analysis {
  const passes = passLog.lines.filter((line) => line.kind !== 'spent');
  const total = (unit: 'seconds' | 'forwards') => passLog.lines.reduce((sum, line) => sum + line[unit], 0);
  const { samples, subBatch, folds, batchForwards, seed, grid } = settings;
  const { spent } = snapshots.at(-1)!;
  return {
    version: 2,
    run: {
      name: config.name,
      method: config.method.name,
      imageSize: resolveConfig(config).model.image.imageSize,
      patchSize: grid[0].patchSize,
      device,
      precision: config.precision,
      seconds: spent.seconds,
      forwards: spent.forwards,
    },
    settings: { samples, subBatch, folds, batchForwards, seed, datasetSize },
    snapshots: snapshots.map(({ share, progress, step }) => {
      const passesHere = passes.filter((line) => line.step === step);
      const names = Object.keys(passesHere[0].moments);
      const groups = names.map((name) => [name, groupOf(passesHere, { name, settings })]);
      return { share, progress, step, groups: Object.fromEntries(groups) };
    }),
    cost: { seconds: total('seconds'), forwards: total('forwards') },
  };
}

function groupOf(
  passes: readonly PassLine[],
  { name, settings: { grid, batchForwards } }: { name: string; settings: Settings },
): AnalysisGroup {
  const passOf = (kind: PassLine['kind'], { tokenDropout, patchSize }: Candidate) =>
    passes.find(
      (line) => line.kind === kind && line.tokenDropout === tokenDropout && line.patchSize === patchSize,
    )!;
  const gradientSquared = squaredMean(passOf('candidate', grid[0]).moments[name].own);
  // The true gradient may be lost in noise: doubts.ts says so.
  const unit = gradientSquared.value > 0 ? gradientSquared.value : gradientSquared.plain;
  return {
    gradientSquared,
    control: inUnits(squaredMean(passOf('control', grid[0]).moments[name].difference), unit),
    candidates: grid.map((candidate) => {
      const { moments, seconds } = passOf('candidate', candidate);
      const errors = errorsOf(moments[name], { unit, weight: candidate.cost / batchForwards });
      return { ...candidate, ...errors, seconds };
    }),
  };
}

/** @param options.unit |G|^2, without its error, which is the same for all candidates */
function errorsOf(
  moments: Moments,
  { unit, weight }: { unit: number; weight: number },
): Pick<MeasuredCandidate, 'biasSquared' | 'variance' | 'error'> {
  const biasSquared = inUnits(squaredMean(moments.difference), unit);
  const spread = varianceOf(moments);
  const variance = { value: spread.value / unit, low: spread.low / unit, high: spread.high / unit };
  return { biasSquared, variance, error: adjustedError({ biasSquared, variance }, weight) };
}

function inUnits({ plain, value, low, high }: SquaredMean, unit: number): SquaredMean {
  return { plain: plain / unit, value: value / unit, low: low / unit, high: high / unit };
}
