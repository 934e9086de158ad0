/**
 * Time per step against sequence length, with the cost model's prediction, from what bench/compressed-step.ts printed.
 *   node --import jiti/register scripts/plot-steps.ts steps.jsonl OUT.svg
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { sequenceLength } from '../src/compress/compression.ts';

interface Row {
  method: string;
  tokenDropout: number;
  patchSize: number;
  imageSize: number;
  ms_per_step: number;
  predicted: number;
}

const [from, out] = process.argv.slice(2) as [string, string];
const rows = readFileSync(from, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);

const WIDTH = 720;
const HEIGHT = 400;
const EDGE = { left: 60, right: 190, top: 24, bottom: 46 };
/** Told apart by the mark as well as by colour; the prediction is the dashed line. */
const STYLES = [
  { colour: '#0072b2', mark: (x: number, y: number) => `<circle cx="${x}" cy="${y}" r="5"/>` },
  {
    colour: '#d55e00',
    mark: (x: number, y: number) => `<rect x="${x - 5}" y="${y - 5}" width="10" height="10"/>`,
  },
  { colour: '#009e73', mark: (x: number, y: number) => `<path d="M${x - 6} ${y + 5}h12l-6 -11z"/>` },
];

const methods = [...new Set(rows.map(({ method }) => method))];
const lengths = rows.map((row) => sequenceLength(row.imageSize, row));
const longest = Math.max(...lengths);
const slowest = Math.max(...rows.map((row) => row.ms_per_step));
const toX = (length: number) => EDGE.left + (length / longest) * (WIDTH - EDGE.left - EDGE.right);
const toY = (ms: number) => HEIGHT - EDGE.bottom - (ms / slowest) * (HEIGHT - EDGE.top - EDGE.bottom);

const grid = [0, 0.25, 0.5, 0.75, 1].map((t) => {
  const y = toY(t * slowest);
  return `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="${EDGE.left - 6}" y="${y + 4}" text-anchor="end">${(t * slowest).toFixed(0)}</text>`;
});
const ticks = [...new Set(lengths)].map(
  (length) => `<text x="${toX(length)}" y="${HEIGHT - 26}" text-anchor="middle">${length}</text>`,
);
const drawn = methods.map((method, i) => {
  const { colour, mark } = STYLES[i % STYLES.length];
  const own = rows
    .map((row, k) => ({ ...row, length: lengths[k] }))
    .filter((row) => row.method === method)
    .sort((a, b) => a.length - b.length);
  const whole = own.at(-1)!.ms_per_step;
  const line = own
    .map(({ length, predicted }, k) => `${k ? 'L' : 'M'}${toX(length)} ${toY(predicted * whole)}`)
    .join('');
  const [x, y] = [WIDTH - EDGE.right + 14, EDGE.top + 14 + 44 * i];
  return `<g fill="${colour}">${own.map(({ length, ms_per_step }) => mark(toX(length), toY(ms_per_step))).join('')}${mark(x + 10, y - 4)}</g>
<path d="${line}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-dasharray="6 4"/><text x="${x + 26}" y="${y}">${method}, measured</text>
<line x1="${x}" x2="${x + 20}" y1="${y + 16}" y2="${y + 16}" stroke="${colour}" stroke-dasharray="6 4" stroke-width="1.5"/><text x="${x + 26}" y="${y + 20}">as the cost model says</text>`;
});
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13"><title>time per step against sequence length</title><rect width="100%" height="100%" fill="white"/>
${grid.join('\n')}${ticks.join('')}
<text x="${EDGE.left}" y="14">ms per step</text><text x="${(WIDTH - EDGE.right + EDGE.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">tokens of a query</text>
${drawn.join('\n')}
</svg>
`,
);
