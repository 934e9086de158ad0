/**
 * Writes what follows from docs/results/rows: the appendix and the charts of the pages.
 *   node --import jiti/register scripts/results.ts
 */
import { writeFileSync } from 'node:fs';
import { appendix } from './results/appendix.ts';
import { charts } from './results/charts.ts';

writeFileSync('docs/results/appendix.md', appendix());
const drawn = Object.entries(charts());
for (const [name, svg] of drawn) writeFileSync(`docs/results/${name}.svg`, svg);
console.log(`docs/results: the appendix and ${drawn.length} charts are written`);
