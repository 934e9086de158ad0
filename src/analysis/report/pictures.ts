// The pictures of an analysis, by name, for one group of parameters.
import { groupOf, type RuleOptions, scheduleOf, weighed } from '../schedule-rule.ts';
import type { Analysis, AnalysisPoint } from '../schema.ts';
import { costPlot } from './cost-plot.ts';
import { type HeatMapStage, heatMap } from './heat-map.ts';
import { type NamedSchedule, scheduleStrip } from './schedule-strip.ts';
import { percent } from './svg.ts';

/** Pictures by name: `schedule`, `error`, `cost`, `bias`, `variance`. */
export type Pictures = Record<'schedule' | 'error' | 'cost' | 'bias' | 'variance', string>;

/** The schedules that a report shows: the paper's rule, its variants, and at other budgets. */
export const VARIANTS: readonly { name: string; note?: string; options: RuleOptions }[] = [
  { name: 'least error', note: "the paper's rule", options: {} },
  { name: 'monotone', note: 'never more than before', options: { monotone: true } },
  { name: 'interpolated', note: 'between stages', options: { interpolate: true } },
  { name: 'a quarter of the budget', options: { budgetFactor: 0.25 } },
  { name: 'four times the budget', options: { budgetFactor: 4 } },
];

const WHOSE: Record<string, string> = {
  all: "of the model's gradient",
  image: "of the image tower's gradient",
  adam: "of the model's gradient in the scale of Adam's steps",
};

/** Draws an analysis. */
export function picturesOf(analysis: Analysis, parameters: string): Pictures {
  const { stages, choices } = stagesOf(analysis, parameters);
  const marked = stages.map((stage, i) => ({ ...stage, ...choices[i] }));
  const whose = WHOSE[parameters] ?? `of the gradient of ${parameters}`;
  const list: NamedSchedule[] = VARIANTS.map(({ options, ...named }) => ({
    ...named,
    found: scheduleOf(analysis, { ...options, parameters }),
  }));
  const [{ points }] = stages;
  return {
    schedule: scheduleStrip(list, (stage) => costOf(points, stage)),
    error: heatMap(marked, {
      title: `Cost-adjusted error ${whose}`,
      note: 'In units of the squared true gradient; 95 % intervals. ★: least error; dashed: not told apart from it. Darker: larger, from the least to ten times that.',
      valueOf: ({ error }) => error,
      shadeOf: (value, all) => Math.log10(value / Math.min(...all)),
    }),
    cost: costPlot(marked, { title: `Error ${whose} against its cost` }),
    bias: heatMap(stages, {
      title: `Squared bias ${whose}`,
      note: 'In units of the squared true gradient, without what noise adds (cross-half); may come out negative. Darker: from a thousandth to one.',
      valueOf: ({ biasSquared }) => biasSquared,
      shadeOf: (value) => 1 + Math.log10(Math.max(value, 1e-3)) / 3,
    }),
    variance: heatMap(stages, {
      title: `Variance ${whose}, of one sample`,
      note: 'In units of the squared true gradient. Darker: larger, from the least of the stage to twice that.',
      valueOf: ({ variance }) => variance,
      shadeOf: (value, all) => Math.log2(value / Math.min(...all)),
    }),
  };
}

/** The stages of a group of parameters, and which points are the best there. */
function stagesOf(analysis: Analysis, parameters: string) {
  const { budget } = analysis.settings;
  const stages: HeatMapStage[] = analysis.stages.map((stage) => ({
    title: `${percent(stage.share)}, step ${stage.step}`,
    points: groupOf(stage, { parameters }).points,
  }));
  const choices = scheduleOf(analysis, { parameters }).choices.map(({ best, alike }, i) => {
    const { points } = stages[i];
    const order = weighed(groupOf(analysis.stages[i], { parameters }), { budget });
    const pointAt = ({ tokenDropout, patchSize }: { tokenDropout: number; patchSize: number }) =>
      points[order.findIndex((each) => each.tokenDropout === tokenDropout && each.patchSize === patchSize)];
    return { best: pointAt(best), alike: alike.map(pointAt) };
  });
  return { stages, choices };
}

function costOf(
  points: readonly AnalysisPoint[],
  stage: { tokenDropout: number; patchSize?: number | undefined },
): number {
  return points.find(
    (point) => point.tokenDropout === stage.tokenDropout && point.patchSize === stage.patchSize,
  )!.cost;
}
