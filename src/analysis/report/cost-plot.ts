import type { AnalysisPoint } from '../schema.ts';
import type { HeatMapStage } from './heat-map.ts';
import { panels } from './panels.ts';
import { ACCENT, element, FAINT, INK, RULE, short, text } from './svg.ts';

const SIZE = { width: 330, height: 250 };
const PLOT = { left: 44, right: 16, top: 8, bottom: 34 };

/** Error against cost, both on logarithms, a panel for each stage: a line and a shape for each patch size, the dropout beside its mark. */
export function costPlot(stages: readonly HeatMapStage[], { title }: { title: string }): string {
  const points = stages.flatMap((stage) => stage.points);
  const scales = {
    x: logScale(
      points.map(({ cost }) => cost),
      [PLOT.left, SIZE.width - PLOT.right],
    ),
    y: logScale(
      points.flatMap(({ error }) => [error.value, Math.max(error.low, error.value / 3), error.high]),
      [SIZE.height - PLOT.bottom, PLOT.top],
    ),
  };
  const patches = [...new Set(points.map(({ patchSize }) => patchSize))].sort((a, b) => a - b);
  const list = stages.map((stage) => ({ title: stage.title, body: panel(stage, { scales, patches }) }));
  const shapes = patches.map((q, i) => `${SHAPES[i % SHAPES.length].name}: q ${q}`);
  const note = `${shapes.join('; ')}; beside each mark its d. Bars are 95 % intervals; the ring is the least error. Costs in forwards a sample.`;
  return panels(list, { title, note, ...SIZE });
}

interface Scale {
  at(value: number): number;
  ticks: number[];
}

/** A logarithmic scale that holds all values with some room, with ticks at 1, 2 and 5. */
function logScale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const positive = values.filter((value) => value > 0);
  const [low, high] = [Math.min(...positive) / 1.15, Math.max(...positive) * 1.15];
  const at = (value: number) =>
    from + ((to - from) * Math.log(Math.max(value, low) / low)) / Math.log(high / low);
  const powers = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6));
  const ticks = powers.flatMap((power) => [1, 2, 5].map((digit) => digit * power));
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  return {
    at,
    ticks: inside.length > 8 ? inside.filter((tick) => /^[^1-9]*1[^1-9]*$/.test(String(tick))) : inside,
  };
}

interface Frame {
  scales: { x: Scale; y: Scale };
  patches: readonly number[];
}

function panel({ points, best }: HeatMapStage, { scales: { x, y }, patches }: Frame): string {
  const [bottom, right] = [SIZE.height - PLOT.bottom, SIZE.width - PLOT.right];
  const grid = [
    ...x.ticks.map(
      (tick) =>
        element('line', { x1: x.at(tick), x2: x.at(tick), y1: PLOT.top, y2: bottom, stroke: RULE }) +
        text(short(tick), {
          x: x.at(tick),
          y: bottom + 14,
          'text-anchor': 'middle',
          fill: FAINT,
          'font-size': 10.5,
        }),
    ),
    ...y.ticks.map(
      (tick) =>
        element('line', { x1: PLOT.left, x2: right, y1: y.at(tick), y2: y.at(tick), stroke: RULE }) +
        text(short(tick), {
          x: PLOT.left - 5,
          y: y.at(tick) + 4,
          'text-anchor': 'end',
          fill: FAINT,
          'font-size': 10.5,
        }),
    ),
    text('cost', { x: right, y: bottom + 29, 'text-anchor': 'end', fill: FAINT, 'font-size': 11 }),
  ];
  const lines = patches.map((q) => {
    const own = points.filter(({ patchSize }) => patchSize === q).sort((a, b) => a.cost - b.cost);
    const path = own.map(
      ({ cost, error }, i) => `${i ? 'L' : 'M'}${x.at(cost).toFixed(1)} ${y.at(error.value).toFixed(1)}`,
    );
    return element('path', { d: path.join(''), fill: 'none', stroke: FAINT, 'stroke-width': 1.2 });
  });
  // Every second label of a line below it, so that close ones stay apart.
  const dropouts = [...new Set(points.map(({ tokenDropout }) => tokenDropout))].sort((a, b) => a - b);
  const below = ({ tokenDropout }: AnalysisPoint) => dropouts.indexOf(tokenDropout) % 2 === 1;
  const marks = points.map((point) =>
    mark(point, {
      x: x.at(point.cost),
      y: y.at(point.error.value),
      bar: [y.at(point.error.low), y.at(point.error.high)],
      shape: SHAPES[patches.indexOf(point.patchSize) % SHAPES.length],
      isBest: point === best,
      below: below(point),
    }),
  );
  return [...grid, ...lines, ...marks].join('');
}

interface Shape {
  name: string;
  /** Around the origin. */
  path: string;
}

const SHAPES: readonly Shape[] = [
  { name: 'circle', path: 'M-4.5 0A4.5 4.5 0 1 1 4.5 0A4.5 4.5 0 1 1 -4.5 0Z' },
  { name: 'square', path: 'M-4 -4H4V4H-4Z' },
  { name: 'triangle', path: 'M0 -5.5L5 4H-5Z' },
  { name: 'diamond', path: 'M0 -5.5L5.5 0L0 5.5L-5.5 0Z' },
  { name: 'cross', path: 'M-1.7 -5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z' },
  { name: 'pentagon', path: 'M0 -5.5L5.2 -1.7L3.2 4.5H-3.2L-5.2 -1.7Z' },
];

/** Letters stay readable on lines. */
const HALO = { stroke: '#ffffff', 'stroke-width': 3, 'paint-order': 'stroke' };

interface Place {
  x: number;
  y: number;
  bar: [number, number];
  shape: Shape;
  isBest: boolean;
  /** Where the label is. */
  below: boolean;
}

function mark(
  { tokenDropout, patchSize, cost, error }: AnalysisPoint,
  { x, y, bar, shape, isBest, below }: Place,
): string {
  return element(
    'g',
    {},
    element(
      'title',
      {},
      `d ${tokenDropout}, q ${patchSize}: cost ${short(cost)}, error ${short(error.value)}`,
    ),
    element('line', { x1: x, x2: x, y1: bar[0], y2: bar[1], stroke: INK, 'stroke-width': 1 }),
    element('path', { d: shape.path, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, fill: INK }),
    ...(isBest
      ? [element('circle', { cx: x, cy: y, r: 9, fill: 'none', stroke: ACCENT, 'stroke-width': 2.5 })]
      : []),
    text(String(tokenDropout).replace(/^0\./, '.'), {
      x,
      y: y + (below ? 18 : -10) + (isBest ? (below ? 4 : -4) : 0),
      'text-anchor': 'middle',
      'font-size': 10,
      ...HALO,
    }),
  );
}
