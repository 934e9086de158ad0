import { ticks } from '../../scripts/line-chart.ts';
import { type Html, html } from '../html.ts';

/** One point of the training curve. */
export interface CurvePoint {
  samples: number;
  loss: number;
}

const [WIDTH, HEIGHT] = [480, 240];
const EDGE = { left: 40, right: 12, top: 12, bottom: 34 };

/** The loss over the samples seen, as an inline SVG that takes its colours from the page. */
export function lossCurve(curve: CurvePoint[]): Html {
  if (curve.length < 2) return html`<p>Too few points for a curve.</p>`;
  const most = Math.max(...curve.map((point) => point.samples));
  const samples = ticks(0, most).filter((count) => count <= most);
  const losses = ticks(
    Math.min(...curve.map(({ loss }) => loss)),
    Math.max(...curve.map(({ loss }) => loss)),
  );
  const x = scale(0, most, [EDGE.left, WIDTH - EDGE.right]);
  const y = scale(losses[0]!, losses.at(-1)!, [HEIGHT - EDGE.bottom, EDGE.top]);
  const line = curve.map((point) => `${x(point.samples)},${y(point.loss)}`).join(' ');
  const [first, last] = [curve[0]!, curve.at(-1)!];
  const summary = `Training loss: ${first.loss.toFixed(2)} at the start, ${last.loss.toFixed(2)} after ${last.samples} samples.`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${summary}">
    ${losses.map((loss) => html`<line class="rule" x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${y(loss)}" y2="${y(loss)}"/><text class="tick" x="${EDGE.left - 8}" y="${y(loss)}" dy="0.32em" text-anchor="end">${short(loss)}</text>`)}
    ${samples.map((count) => html`<text class="tick" x="${x(count)}" y="${HEIGHT - EDGE.bottom + 16}" text-anchor="middle">${short(count)}</text>`)}
    <text class="tick" x="${WIDTH - EDGE.right}" y="${HEIGHT - 3}" text-anchor="end">samples seen</text>
    <polyline class="line" points="${line}"/>
    <circle class="dot" cx="${x(last.samples)}" cy="${y(last.loss)}" r="4"/>
    <text class="last" x="${x(last.samples)}" y="${y(last.loss) - 10}" text-anchor="end">${last.loss.toFixed(2)}</text>
  </svg>`;
}

/** Maps [from, to] onto a range of pixels, to a tenth of a pixel. */
function scale(from: number, to: number, [start, end]: [number, number]): (value: number) => number {
  const span = to - from || 1;
  return (value) => Math.round((start + ((value - from) / span) * (end - start)) * 10) / 10;
}

const short = (value: number): string =>
  value >= 1000 ? `${Number((value / 1000).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
