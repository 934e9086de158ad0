import type { Estimate } from '../../gradient-error/estimate.ts';
import type { MeasuredCandidate } from '../schema.ts';
import { panels } from './panels.ts';
import { ACCENT, element, FAINT, INK, percent, RULE, shade, short, text } from './svg.ts';

const CELL = { width: 66, height: 40 };
const LEFT = 44;
const TOP = 18;

export interface HeatMapSnapshot {
  title: string;
  candidates: readonly MeasuredCandidate[];
  best?: MeasuredCandidate;
  /** Candidates that cannot be told from the best. */
  alike?: readonly MeasuredCandidate[];
}

export interface HeatMapOptions {
  title: string;
  note: string;
  valueOf(candidate: MeasuredCandidate): Estimate;
  /** Darkness of a cell, in [0, 1]. */
  shadeOf(value: number, all: readonly number[]): number;
}

/** Rows are token dropouts, columns patch sizes. Colour repeats the number in the cell. */
export function heatMap(snapshots: readonly HeatMapSnapshot[], options: HeatMapOptions): string {
  const dropouts = axis(snapshots, 'tokenDropout');
  const patches = axis(snapshots, 'patchSize');
  const list = snapshots.map((snapshot) => ({
    title: snapshot.title,
    body: panel(snapshot, { dropouts, patches, options }),
  }));
  return panels(list, {
    ...options,
    width: LEFT + patches.length * CELL.width,
    height: TOP + dropouts.length * CELL.height + 4,
  });
}

const axis = (snapshots: readonly HeatMapSnapshot[], key: 'tokenDropout' | 'patchSize') =>
  [...new Set(snapshots.flatMap(({ candidates }) => candidates.map((one) => one[key])))].sort(
    (a, b) => a - b,
  );

function panel(
  { candidates, best, alike = [] }: HeatMapSnapshot,
  { dropouts, patches, options }: { dropouts: number[]; patches: number[]; options: HeatMapOptions },
): string {
  const all = candidates.map((candidate) => options.valueOf(candidate).value);
  const columns = patches.map((q, column) =>
    text(`q ${q}`, { x: LEFT + (column + 0.5) * CELL.width, y: 12, 'text-anchor': 'middle', fill: FAINT }),
  );
  const rows = dropouts.map((d, row) =>
    text(`d ${d}`, {
      x: LEFT - 8,
      y: TOP + (row + 0.5) * CELL.height + 4,
      'text-anchor': 'end',
      fill: FAINT,
    }),
  );
  const cells = dropouts.flatMap((d, row) =>
    patches.map((q, column) => {
      const corner = { x: LEFT + column * CELL.width, y: TOP + row * CELL.height };
      const candidate = candidates.find(
        ({ tokenDropout, patchSize }) => tokenDropout === d && patchSize === q,
      );
      if (!candidate) return missing(corner);
      const estimate = options.valueOf(candidate);
      const mark = candidate === best ? 'best' : alike.includes(candidate) ? 'alike' : undefined;
      return cell(corner, { candidate, estimate, mark, share: options.shadeOf(estimate.value, all) });
    }),
  );
  // Marked cells come last, so that their frames cover their neighbours.
  return [
    ...columns,
    ...rows,
    ...cells.sort((a, b) => Number(a.includes('data-mark')) - Number(b.includes('data-mark'))),
  ].join('');
}

function missing({ x, y }: { x: number; y: number }): string {
  const { width, height } = CELL;
  return (
    element('rect', {
      x: x + 1,
      y: y + 1,
      width: width - 2,
      height: height - 2,
      fill: 'none',
      stroke: RULE,
      'stroke-dasharray': '2 3',
    }) + text('–', { x: x + width / 2, y: y + height / 2 + 4, 'text-anchor': 'middle', fill: FAINT })
  );
}

interface Content {
  candidate: MeasuredCandidate;
  estimate: Estimate;
  mark: 'best' | 'alike' | undefined;
  share: number;
}

function cell({ x, y }: { x: number; y: number }, { candidate, estimate, mark, share }: Content): string {
  const { width, height } = CELL;
  const { fill, ink } = shade(share);
  const middle = x + width / 2;
  const half = (estimate.high - estimate.low) / 2;
  const box = { x: x + 1, y: y + 1, width: width - 2, height: height - 2, rx: 3 };
  const { tokenDropout, patchSize, cost } = candidate;
  const words = `dropout ${percent(tokenDropout)}, patches of ${patchSize}, cost ${short(cost)}: ${short(estimate.value)}, from ${short(estimate.low)} to ${short(estimate.high)}`;
  return element(
    'g',
    { ...(mark && { 'data-mark': mark }) },
    element('title', {}, words),
    element('rect', { ...box, fill }),
    ...(mark ? [element('rect', { ...box, ...FRAMES[mark] })] : []),
    text(`${mark === 'best' ? '★ ' : ''}${short(estimate.value)}`, {
      x: middle,
      y: y + (half > 0 ? 18 : 25),
      'text-anchor': 'middle',
      fill: ink,
      'font-size': 13,
      'font-weight': mark === 'best' ? 700 : 500,
    }),
    ...(half > 0
      ? [
          text(`± ${short(half)}`, {
            x: middle,
            y: y + 32,
            'text-anchor': 'middle',
            fill: ink,
            'font-size': 10,
          }),
        ]
      : []),
  );
}

const FRAMES = {
  best: { fill: 'none', stroke: ACCENT, 'stroke-width': 3 },
  alike: { fill: 'none', stroke: INK, 'stroke-width': 1.5, 'stroke-dasharray': '4 3' },
};
