// The pictures of an analysis, for one group of parameters.
import type { Compression } from '../../compress/index.ts';
import { groupOf, type RuleOptions, scheduleOf } from '../schedule-rule.ts';
import type { Analysis, MeasuredCandidate } from '../schema.ts';
import { costPlot } from './cost-plot.ts';
import { type HeatMapSnapshot, heatMap } from './heat-map.ts';
import { type NamedSchedule, scheduleStrip } from './schedule-strip.ts';
import { percent } from './svg.ts';

/** SVGs by name. */
export type Pictures = Record<'schedule' | 'error' | 'cost' | 'bias' | 'variance', string>;

/** The schedules of a report: the paper's rule, its variants, and other gradient computes. */
const VARIANTS: readonly { name: string; note?: string; options: RuleOptions }[] = [
  { name: 'least error', note: "the paper's rule", options: {} },
  { name: 'monotone', note: 'never more than before', options: { monotone: true } },
  { name: 'interpolated', note: 'between snapshots', options: { interpolate: true } },
  { name: 'a quarter of the compute', note: 'of one gradient', options: { gradientCompute: 0.25 } },
  { name: 'four times the compute', note: 'of one gradient', options: { gradientCompute: 4 } },
];

const GRADIENTS: Record<string, string> = {
  all: "of the model's gradient",
  image: "of the image tower's gradient",
  adam: "of the model's gradient in the scale of Adam's steps",
};

/** Draws an analysis. */
export function picturesOf(analysis: Analysis, parameters: string): Pictures {
  const snapshots = snapshotsOf(analysis, parameters);
  const marked = scheduleOf(analysis, { parameters }).snapshots.map(({ best, alike }, i) => {
    const measured = (compression: Compression) => find(snapshots[i].candidates, compression);
    return { ...snapshots[i], best: measured(best), alike: alike.map(measured) };
  });
  const gradient = GRADIENTS[parameters] ?? `of the gradient of ${parameters}`;
  const schedules: NamedSchedule[] = VARIANTS.map(({ options, ...named }) => ({
    ...named,
    result: scheduleOf(analysis, { ...options, parameters }),
  }));
  const [{ candidates }] = snapshots;
  return {
    schedule: scheduleStrip(
      schedules,
      ({ tokenDropout, patchSize }) => find(candidates, { tokenDropout, patchSize: patchSize! }).cost,
    ),
    error: heatMap(marked, {
      title: `Cost-adjusted error ${gradient}`,
      note: 'In units of the squared true gradient; 95 % intervals. ★: least error; dashed: not told apart from it. Darker: larger, from the least to ten times that.',
      valueOf: ({ error }) => error,
      shadeOf: (value, all) => Math.log10(value / Math.min(...all)),
    }),
    cost: costPlot(marked, { title: `Error ${gradient} against its cost` }),
    bias: heatMap(snapshots, {
      title: `Squared bias ${gradient}`,
      note: 'In units of the squared true gradient, without noise (cross-half); may be negative. Darker: from a thousandth to one.',
      valueOf: ({ biasSquared }) => biasSquared,
      shadeOf: (value) => 1 + Math.log10(Math.max(value, 1e-3)) / 3,
    }),
    variance: heatMap(snapshots, {
      title: `Variance ${gradient}, of one sample`,
      note: 'In units of the squared true gradient. Darker: larger, from the least of the snapshot to twice that.',
      valueOf: ({ variance }) => variance,
      shadeOf: (value, all) => Math.log2(value / Math.min(...all)),
    }),
  };
}

const snapshotsOf = (analysis: Analysis, parameters: string): HeatMapSnapshot[] =>
  analysis.snapshots.map((snapshot) => ({
    title: `${percent(snapshot.share)}, step ${snapshot.step}`,
    candidates: groupOf(snapshot, { parameters }).candidates,
  }));

const find = (candidates: readonly MeasuredCandidate[], { tokenDropout, patchSize }: Compression) =>
  candidates.find((one) => one.tokenDropout === tokenDropout && one.patchSize === patchSize)!;
