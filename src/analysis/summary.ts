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
import type { PassLine } from './record.ts';
import type { Analysis, AnalysisGroup, AnalysisPoint } from './schema.ts';

/** What a finished record says, in units of the true gradient. */
export function summaryOf({
  config,
  device,
  settings,
  stages,
  record,
  datasetSize,
}: AnalysisContext): Analysis {
  const passes = record.lines.filter((line) => line.kind !== 'spent');
  const total = (unit: 'seconds' | 'forwards') => record.lines.reduce((sum, line) => sum + line[unit], 0);
  const { samples, subBatch, folds, budget, seed, grid } = settings;
  const last = stages.at(-1)!;
  const [{ patchSize }] = grid;
  return {
    version: 1,
    run: {
      name: config.name,
      method: config.method.name,
      imageSize: resolveConfig(config).model.image.imageSize,
      patchSize,
      device,
      precision: config.precision,
      seconds: last.spent.seconds,
      forwards: last.spent.forwards,
    },
    settings: { samples, subBatch, folds, budget, seed, datasetSize },
    stages: stages.map(({ share, progress, step }) => {
      const here = passes.filter((line) => line.step === step);
      const names = Object.keys(here[0].moments);
      return {
        share,
        progress,
        step,
        groups: Object.fromEntries(names.map((name) => [name, groupOf(here, { name, grid, budget })])),
      };
    }),
    cost: { seconds: total('seconds'), forwards: total('forwards') },
  };
}

function groupOf(
  passes: readonly PassLine[],
  { name, grid, budget }: { name: string; grid: readonly Candidate[]; budget: number },
): AnalysisGroup {
  const of = (kind: PassLine['kind'], { tokenDropout, patchSize }: Candidate) =>
    passes.find(
      (line) => line.kind === kind && line.tokenDropout === tokenDropout && line.patchSize === patchSize,
    )!;
  const whole = of('point', grid[0]);
  const gradientSquared = squaredMean(whole.moments[name].own);
  // Lost in noise: the warning of analyze.ts says so.
  const unit = gradientSquared.value > 0 ? gradientSquared.value : gradientSquared.plain;
  const control = of('control', grid[0]);
  return {
    gradientSquared,
    control: normalised(squaredMean(control.moments[name].difference), unit),
    points: grid.map((candidate) => {
      const line = of('point', candidate);
      return {
        ...candidate,
        ...pointOf(line.moments[name], { unit, weight: candidate.cost / budget }),
        seconds: line.seconds,
      };
    }),
  };
}

/** @param options.unit |G|^2, whose own error all points share and none counts in */
function pointOf(
  moments: Moments,
  { unit, weight }: { unit: number; weight: number },
): Pick<AnalysisPoint, 'biasSquared' | 'variance' | 'error'> {
  const biasSquared = normalised(squaredMean(moments.difference), unit);
  const spread = varianceOf(moments);
  const variance = { value: spread.value / unit, low: spread.low / unit, high: spread.high / unit };
  return { biasSquared, variance, error: adjustedError({ biasSquared, variance }, weight) };
}

function normalised({ plain, value, low, high }: SquaredMean, unit: number): SquaredMean {
  return { plain: plain / unit, value: value / unit, low: low / unit, high: high / unit };
}
