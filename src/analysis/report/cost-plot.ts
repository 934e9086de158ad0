import type { MeasuredCandidate } from '../schema.ts';
import type { HeatMapSnapshot } from './heat-map.ts';
import { panels } from './panels.ts';
import { ACCENT, element, FAINT, INK, RULE, short, text } from './svg.ts';

const SIZE = { width: 330, height: 250 };
const PLOT = { left: 44, right: 16, top: 8, bottom: 34 };

/** Error against cost, both logarithmic; a panel per snapshot, a line per patch size, the dropout beside its mark. */
export function costPlot(snapshots: readonly HeatMapSnapshot[], { title }: { title: string }): string {
  const candidates = snapshots.flatMap((snapshot) => snapshot.candidates);
  const scales = {
    x: logScale(
      candidates.map(({ cost }) => cost),
      [PLOT.left, SIZE.width - PLOT.right],
    ),
    y: logScale(
      candidates.flatMap(({ error }) => [error.value, Math.max(error.low, error.value / 3), error.high]),
      [SIZE.height - PLOT.bottom, PLOT.top],
    ),
  };
  const patches = [...new Set(candidates.map(({ patchSize }) => patchSize))].sort((a, b) => a - b);
  const list = snapshots.map((snapshot) => ({
    title: snapshot.title,
    body: panel(snapshot, { scales, patches }),
  }));
  const shapes = patches.map((q, i) => `${SHAPES[i % SHAPES.length].name}: q ${q}`);
  const note = `${shapes.join('; ')}; beside each mark its d. Bars are 95 % intervals; the ring is the least error. Costs in forwards a sample.`;
  return panels(list, { title, note, ...SIZE });
}

interface Scale {
  /** Pixel of a value. */
  pixel(value: number): number;
  ticks: number[];
}

/** Logarithmic, with ticks at 1, 2 and 5. */
function logScale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const positive = values.filter((value) => value > 0);
  const [low, high] = [Math.min(...positive) / 1.15, Math.max(...positive) * 1.15];
  const pixel = (value: number) =>
    from + ((to - from) * Math.log(Math.max(value, low) / low)) / Math.log(high / low);
  const powers = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6));
  const ticks = powers.flatMap((power) => [1, 2, 5].map((digit) => digit * power));
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  return {
    pixel,
    ticks: inside.length > 8 ? inside.filter((tick) => /^[^1-9]*1[^1-9]*$/.test(String(tick))) : inside,
  };
}

interface Frame {
  scales: { x: Scale; y: Scale };
  patches: readonly number[];
}

function panel({ candidates, best }: HeatMapSnapshot, { scales: { x, y }, patches }: Frame): string {
  const [bottom, right] = [SIZE.height - PLOT.bottom, SIZE.width - PLOT.right];
  const grid = [
    ...x.ticks.map(
      (tick) =>
        element('line', { x1: x.pixel(tick), x2: x.pixel(tick), y1: PLOT.top, y2: bottom, stroke: RULE }) +
        text(short(tick), {
          x: x.pixel(tick),
          y: bottom + 14,
          'text-anchor': 'middle',
          fill: FAINT,
          'font-size': 10.5,
        }),
    ),
    ...y.ticks.map(
      (tick) =>
        element('line', { x1: PLOT.left, x2: right, y1: y.pixel(tick), y2: y.pixel(tick), stroke: RULE }) +
        text(short(tick), {
          x: PLOT.left - 5,
          y: y.pixel(tick) + 4,
          'text-anchor': 'end',
          fill: FAINT,
          'font-size': 10.5,
        }),
    ),
    text('cost', { x: right, y: bottom + 29, 'text-anchor': 'end', fill: FAINT, 'font-size': 11 }),
  ];
  const lines = patches.map((q) => {
    const ofPatch = candidates.filter(({ patchSize }) => patchSize === q).sort((a, b) => a.cost - b.cost);
    const path = ofPatch.map(
      ({ cost, error }, i) =>
        `${i ? 'L' : 'M'}${x.pixel(cost).toFixed(1)} ${y.pixel(error.value).toFixed(1)}`,
    );
    return element('path', { d: path.join(''), fill: 'none', stroke: FAINT, 'stroke-width': 1.2 });
  });
  // Labels alternate above and below the line, to stay apart.
  const dropouts = [...new Set(candidates.map(({ tokenDropout }) => tokenDropout))].sort((a, b) => a - b);
  const below = ({ tokenDropout }: MeasuredCandidate) => dropouts.indexOf(tokenDropout) % 2 === 1;
  const marks = candidates.map((candidate) =>
    mark(candidate, {
      x: x.pixel(candidate.cost),
      y: y.pixel(candidate.error.value),
      bar: [y.pixel(candidate.error.low), y.pixel(candidate.error.high)],
      shape: SHAPES[patches.indexOf(candidate.patchSize) % SHAPES.length],
      isBest: candidate === best,
      below: below(candidate),
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

/** Keeps letters readable on lines. */
const HALO = { stroke: '#ffffff', 'stroke-width': 3, 'paint-order': 'stroke' };

interface Place {
  x: number;
  y: number;
  bar: [number, number];
  shape: Shape;
  isBest: boolean;
  /** Whether the label is below the mark. */
  below: boolean;
}

function mark(
  { tokenDropout, patchSize, cost, error }: MeasuredCandidate,
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
