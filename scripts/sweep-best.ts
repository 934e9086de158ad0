/**
 * Settings of the best run among those whose names differ in the last number alone (`tune-clip-0`, `tune-clip-1`).
 *   node --import jiti/register scripts/sweep-best.ts results.jsonl METRIC --only '^tune' --out chosen.json
 * Prints each run with its value, best first; --out writes { "tune-clip": { name, value, set } }.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { groupOf, readRows } from './rows.ts';
import type { SweepResult } from './sweep.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' }, out: { type: 'string' } },
});
const [path, metric] = positionals as [string, string];
const results = readRows<SweepResult>(path).filter(
  ({ name, finished }) => finished && new RegExp(flags.only).test(name),
);
const finalOf = ({ curve }: SweepResult) => curve.at(-1)?.[metric] ?? Number.NEGATIVE_INFINITY;
const sorted = results.sort((a, b) => finalOf(b) - finalOf(a));

const chosen: Record<string, { name: string; value: number; set: object }> = {};
for (const result of sorted) {
  const { name, set } = result;
  chosen[groupOf(name)] ??= { name, value: finalOf(result), set };
  const { method, 'optimizer.peakLr': lr } = set;
  console.log(name.padEnd(24), finalOf(result).toFixed(4), `lr ${lr}`, JSON.stringify(method));
}
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(chosen, null, 1)}\n`);
