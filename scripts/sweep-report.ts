/**
 * What a sweep came to: a table and a picture. Runs that differ in their last number alone (`b128-clip-0`, `b128-clip-1`) are seeds of one.
 *   node --import jiti/register scripts/sweep-report.ts results.jsonl METRIC --only '^b128' --batch 128 --against b128-clip [--svg OUT.svg]
 *     [--x train_seconds]
 * `reached` is the share of the samples, or of what `--x` names of the evaluations, after which a method's mean curve is at the final mean of `--against`, between two evaluations by
 * a straight line; `-` when it never is.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lineChart } from './line-chart.ts';
import { readRows } from './rows.ts';
import type { SweepResult } from './sweep.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    batch: { type: 'string', default: '1' },
    against: { type: 'string', default: '' },
    svg: { type: 'string' },
    x: { type: 'string' },
  },
});
const [path, metric] = positionals as [string, string];
const results = readRows<SweepResult>(path).filter(
  ({ name, curve }) => new RegExp(flags.only).test(name) && curve.length > 0,
);

interface Group {
  name: string;
  /** Samples, or what `--x` names, and the mean over seeds. */
  curve: { x: number; y: number }[];
  finals: number[];
  cut: boolean;
}

const names = [...new Set(results.map(({ name }) => name.replace(/-\d+$/, '')))];
const groups: Group[] = names.map((name) => {
  const seeds = results.filter((result) => result.name.replace(/-\d+$/, '') === name);
  const points = Math.min(...seeds.map(({ curve }) => curve.length));
  const curve = Array.from({ length: points }, (_, i) => ({
    x: flags.x ? seeds[0].curve[i][flags.x] : seeds[0].curve[i].step * Number(flags.batch),
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

/** What all begin with, up to a dash. */
function commonStart(all: readonly string[]): string {
  const [first, ...others] = all;
  const differs = [...first].findIndex((letter, i) => others.some((other) => other[i] !== letter));
  return first.slice(0, first.lastIndexOf('-', differs < 0 ? first.length : differs) + 1);
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

if (flags.svg) {
  // The part that all names share says nothing beside a curve.
  const shared = names.length > 1 ? commonStart(names) : '';
  const curves = groups.map(({ name, curve }) => ({ name: name.slice(shared.length), points: curve }));
  const what = [metric.replace('eval/', '').replaceAll('_', ' '), shared.replace(/-$/, '')];
  const round = (value: number) => String(Number(value.toPrecision(6)));
  const formatX = (x: number) => (flags.x ? round(x) : `${round(x / 1000)} k`);
  const over = flags.x?.replaceAll('_', ' ') ?? 'samples seen';
  writeFileSync(
    flags.svg,
    lineChart(curves, {
      metric: what.filter(Boolean).join(', '),
      over,
      from: 0,
      formatX,
      formatY: (y) => `${round(100 * y)} %`,
    }),
  );
}
