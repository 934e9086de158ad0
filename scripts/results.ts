/**
 * Writes what follows from docs/results/rows: the appendix and the charts of the pages.
 *   node --import jiti/register scripts/results.ts
 */
import { writeFileSync } from 'node:fs';
import { appendix } from './results/appendix.ts';
import { CHARTS, draw } from './results/charts.ts';

writeFileSync('docs/results/appendix.md', appendix());
for (const [name, chart] of Object.entries(CHARTS)) writeFileSync(`docs/results/${name}.svg`, draw(chart));
console.log(`docs/results: the appendix and ${Object.keys(CHARTS).length} charts are written`);
