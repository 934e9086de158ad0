/**
 * A table and a chart of runs. Runs whose names differ in the last number alone (`b128-clip-0`, `b128-clip-1`) are seeds of one setting.
 *   node --import jiti/register scripts/sweep-report.ts FILE... METRIC --only '^b128' --against b128-clip [--x seconds] [--svg OUT.svg]
 * FILE is a sweep's results.jsonl or a file of docs/results/rows. `reached` is the share of the samples (or of `--x`: seconds, epoch, step)
 * after which the mean curve is at the final mean of `--against`; `-` when it never is.
 * `--call RUN=WORDS` names a curve of the chart, `--title` the chart.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { groupsOf, reaches } from './groups.ts';
import { lineChart, numberLabel, samplesLabel } from './line-chart.ts';
import { mean, readRows } from './rows.ts';
import type { SweepResult } from './sweep.ts';
import { columnOf, type Row, rowOf } from './sweep-rows.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    against: { type: 'string', default: '' },
    svg: { type: 'string' },
    x: { type: 'string', default: 'samples' },
    call: { type: 'string', multiple: true, default: [] },
    title: { type: 'string' },
  },
});
const files = positionals.slice(0, -1);
const metric = positionals.at(-1)!;

const isResult = (row: Row | SweepResult): row is SweepResult => 'curve' in row;
const results = files
  .flatMap((file) => readRows<Row | SweepResult>(file))
  .filter(({ name }) => new RegExp(flags.only).test(name))
  .map((row) => (isResult(row) ? rowOf(row, metric) : row))
  .filter(({ step, ...columns }) => step.length > 0 && columnOf(metric) in columns);

const groups = groupsOf(results, columnOf(metric), flags.x);
const names = groups.map(({ name }) => name);
const baseline = groups.find(({ name }) => name === flags.against);
const goal = baseline && mean(baseline.finals);
const whole = Math.max(...groups.flatMap(({ curve }) => curve.map(({ x }) => x)));

/** The start that all names share, up to a dash. */
function commonStart(all: readonly string[]): string {
  const [first, ...others] = all;
  const differs = [...first].findIndex((letter, i) => others.some((other) => other[i] !== letter));
  return first.slice(0, first.lastIndexOf('-', differs < 0 ? first.length : differs) + 1);
}

const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
const rows = groups
  .sort((a, b) => mean(b.finals) - mean(a.finals))
  .map(({ name, finals, curve, isCut }) => {
    const samples = goal === undefined ? undefined : reaches(curve, goal);
    const seeds = finals.length > 1 ? ` (${finals.map(percent).join(', ')})` : '';
    const reached = samples === undefined ? '-' : (samples / whole).toFixed(2);
    return `| ${name}${isCut ? ' (cut)' : ''} | ${percent(mean(finals))}${seeds} | ${reached} |`;
  });
console.log(['| run | final, mean over seeds | reached after |', '| --- | --- | ---: |', ...rows].join('\n'));

if (flags.svg) {
  // The part that all names share says nothing beside a curve.
  const shared = names.length > 1 ? commonStart(names) : '';
  const called = new Map(flags.call.map((text) => text.split(/=(.*)/, 2) as [string, string]));
  const stranger = [...called.keys()].find((name) => !names.includes(name));
  if (stranger !== undefined) throw new Error(`--call ${stranger}: no curve has this name`);
  const curves = groups.map(({ name, curve }) => ({
    name: called.get(name) ?? name.slice(shared.length),
    points: curve,
  }));
  const what = [metric.replace('eval/', '').replaceAll('_', ' '), shared.replace(/-$/, '')];
  const isSamples = flags.x === 'samples';
  writeFileSync(
    flags.svg,
    lineChart(curves, {
      metric: flags.title ?? what.filter(Boolean).join(', '),
      over: isSamples ? 'samples seen' : flags.x,
      from: 0,
      formatX: isSamples ? samplesLabel : numberLabel,
      formatY: (y) => `${numberLabel(100 * y)} %`,
    }),
  );
}
