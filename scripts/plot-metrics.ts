/**
 * Draws one metric of one or more runs over samples seen, as an SVG.
 *   node --import jiti/register scripts/plot-metrics.ts OUT.svg METRIC BATCH NAME=metrics.jsonl [NAME=metrics.jsonl ...]
 */
import { writeFileSync } from 'node:fs';
import { readMetrics } from '../src/io/metrics.ts';
import { lineChart } from './line-chart.ts';

const [out, metric, batchText, ...runs] = process.argv.slice(2);
if (runs.length === 0) throw new Error('usage: plot-metrics OUT.svg METRIC BATCH NAME=metrics.jsonl ...');
const curves = runs.map((run) => {
  const [name, path] = run.split('=');
  const rows = readMetrics(path).filter((row) => row[metric] !== undefined);
  return { name, points: rows.map((row) => ({ x: row.step * Number(batchText), y: Number(row[metric]) })) };
});
const values = curves.flatMap(({ points }) => points.map(({ y }) => y));
writeFileSync(
  out,
  lineChart(
    curves.map(({ name, points }) => ({ name: `${name} ${points.at(-1)!.y.toFixed(3)}`, points })),
    {
      metric,
      from: values.reduce((least, y) => Math.min(least, y), Number.POSITIVE_INFINITY),
      formatX: (x) => `${(x / 1e6).toFixed(2)} M`,
      formatY: (y) => y.toFixed(3),
    },
  ),
);
