/**
 * What a sweep came to: a table and a picture. Runs that differ in their last number alone (`b128-clip-0`, `b128-clip-1`) are seeds of one.
 *   node --import jiti/register scripts/sweep-report.ts results.jsonl METRIC --only '^b128' --batch 128 --against b128-clip [--svg OUT.svg]
 * `reached` is the share of the samples after which a method's mean curve is at the final mean of `--against`, between two evaluations by
 * a straight line; `-` when it never is.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { SweepResult } from './sweep.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    batch: { type: 'string', default: '1' },
    against: { type: 'string', default: '' },
    svg: { type: 'string' },
  },
});
const [path, metric] = positionals as [string, string];
const results = readFileSync(path, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SweepResult)
  .filter(({ name, curve }) => new RegExp(flags.only).test(name) && curve.length > 0);

interface Group {
  name: string;
  /** Samples and the mean over seeds. */
  curve: { x: number; y: number }[];
  finals: number[];
  cut: boolean;
}

const names = [...new Set(results.map(({ name }) => name.replace(/-\d+$/, '')))];
const groups: Group[] = names.map((name) => {
  const seeds = results.filter((result) => result.name.replace(/-\d+$/, '') === name);
  const points = Math.min(...seeds.map(({ curve }) => curve.length));
  const curve = Array.from({ length: points }, (_, i) => ({
    x: seeds[0].curve[i].step * Number(flags.batch),
    y: seeds.reduce((sum, seed) => sum + seed.curve[i][metric], 0) / seeds.length,
  }));
  const finals = seeds.map(({ curve: own }) => own.at(-1)![metric]);
  return { name, curve, finals, cut: seeds.some(({ finished }) => !finished) };
});

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const baseline = groups.find(({ name }) => name === flags.against);
const goal = baseline && mean(baseline.finals);
const whole = Math.max(...groups.flatMap(({ curve }) => curve.map(({ x }) => x)));

/** Samples at which a curve first is at `height`. */
function reaches(curve: Group['curve'], height: number): number | undefined {
  const at = curve.findIndex(({ y }) => y >= height);
  if (at < 0) return undefined;
  if (at === 0) return curve[0].x;
  const [a, b] = [curve[at - 1], curve[at]];
  return a.x + ((height - a.y) / (b.y - a.y)) * (b.x - a.x);
}

const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
const rows = groups
  .sort((a, b) => mean(b.finals) - mean(a.finals))
  .map(({ name, finals, curve, cut }) => {
    const samples = goal === undefined ? undefined : reaches(curve, goal);
    const seeds = finals.length > 1 ? ` (${finals.map(percent).join(', ')})` : '';
    const reached = samples === undefined ? '-' : (samples / whole).toFixed(2);
    return `| ${name}${cut ? ' (cut)' : ''} | ${percent(mean(finals))}${seeds} | ${reached} |`;
  });
console.log(['| run | final, mean over seeds | reached after |', '| --- | --- | ---: |', ...rows].join('\n'));

const WIDTH = 760;
const HEIGHT = 420;
const EDGE = { left: 62, right: 150, top: 24, bottom: 46 };
/** Told apart by dashes and marks as well as by colour. */
const STYLES = [
  ['#0072b2', ''],
  ['#d55e00', '8 4'],
  ['#009e73', '2 3'],
  ['#cc79a7', '10 3 2 3'],
  ['#56b4e9', '5 2'],
  ['#e69f00', '1 2'],
  ['#000000', '12 4'],
  ['#999999', '4 4'],
];

function picture(): string {
  const high = Math.max(...groups.flatMap(({ curve }) => curve.map(({ y }) => y)));
  const toX = (x: number) => EDGE.left + (x / whole) * (WIDTH - EDGE.left - EDGE.right);
  const toY = (y: number) => HEIGHT - EDGE.bottom - (y / high) * (HEIGHT - EDGE.top - EDGE.bottom);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const grid = ticks.map((t) => {
    const y = toY(t * high);
    const x = toX(t * whole);
    return `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="${EDGE.left - 6}" y="${y + 4}" text-anchor="end">${percent(t * high)}</text><text x="${x}" y="${HEIGHT - 24}" text-anchor="middle">${((t * whole) / 1000).toFixed(0)} k</text>`;
  });
  const lines = groups.map(({ name, curve }, i) => {
    const [colour, dash] = STYLES[i % STYLES.length];
    const drawn = curve
      .map(({ x, y }, k) => `${k ? 'L' : 'M'}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`)
      .join('');
    const y = EDGE.top + 12 + 20 * i;
    const key = WIDTH - EDGE.right + 12;
    return `<path d="${drawn}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/><line x1="${key}" x2="${key + 26}" y1="${y - 4}" y2="${y - 4}" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/><text x="${key + 32}" y="${y}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13"><title>${metric} over samples seen</title><rect width="100%" height="100%" fill="white"/>
${grid.join('\n')}
<text x="${EDGE.left}" y="14">${metric.replace('eval/', '')}, best last on top</text><text x="${(WIDTH - EDGE.right + EDGE.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">samples seen</text>
${lines.join('\n')}
</svg>
`;
}

if (flags.svg) writeFileSync(flags.svg, picture());
