/**
 * Draws one metric of one or more runs over samples seen, as an SVG.
 *   node --import jiti/register scripts/plot-metrics.ts OUT.svg METRIC BATCH NAME=metrics.jsonl [NAME=metrics.jsonl ...]
 */
import { writeFileSync } from 'node:fs';
import { readMetrics } from '../src/io/metrics.ts';

const [out, metric, batchText, ...runs] = process.argv.slice(2);
if (runs.length === 0) throw new Error('usage: plot-metrics OUT.svg METRIC BATCH NAME=metrics.jsonl ...');
const WIDTH = 720;
const HEIGHT = 380;
const EDGE = { left: 60, right: 150, top: 20, bottom: 45 };
// Told apart by dashes as well as by colour.
const STYLES = [
  ['#0072b2', ''],
  ['#d55e00', '8 4'],
  ['#009e73', '2 3'],
  ['#cc79a7', '10 3 2 3'],
];

const curves = runs.map((run) => {
  const [name, path] = run.split('=');
  const rows = readMetrics(path).filter((row) => row[metric] !== undefined);
  return { name, points: rows.map((row) => ({ x: row.step * Number(batchText), y: Number(row[metric]) })) };
});
const all = curves.flatMap(({ points }) => points);
const most = Math.max(...all.map(({ x }) => x));
const [low, high] = [Math.min(...all.map(({ y }) => y)), Math.max(...all.map(({ y }) => y))];
const toX = (x: number) => EDGE.left + (x / most) * (WIDTH - EDGE.left - EDGE.right);
const toY = (y: number) =>
  HEIGHT - EDGE.bottom - ((y - low) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
const text = (x: number, y: number, label: string, anchor = 'start') =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}">${label}</text>`;
const ticks = [0, 0.25, 0.5, 0.75, 1];
const lines = curves.map(({ name, points }, i) => {
  const [colour, dash] = STYLES[i % STYLES.length];
  const path = points
    .map(({ x, y }, k) => `${k ? 'L' : 'M'}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`)
    .join('');
  const end = points.at(-1)!;
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>${text(toX(end.x) + 6, toY(end.y) + 4 + 14 * i, `${name} ${end.y.toFixed(3)}`)}`;
});
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">
<title>${metric} over samples seen</title><rect width="100%" height="100%" fill="white"/>
${ticks.map((t) => text(toX(t * most), HEIGHT - 22, `${((t * most) / 1e6).toFixed(2)} M`, 'middle')).join('')}
${ticks.map((t) => `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${toY(low + t * (high - low))}" y2="${toY(low + t * (high - low))}" stroke="#ddd"/>${text(EDGE.left - 6, toY(low + t * (high - low)) + 4, (low + t * (high - low)).toFixed(3), 'end')}`).join('')}
${text((WIDTH - EDGE.right) / 2, HEIGHT - 5, 'samples seen', 'middle')}${text(EDGE.left, 13, metric)}
${lines.join('\n')}
</svg>
`,
);
