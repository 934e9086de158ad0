// Writes icons and what they are called as WebDataset shards.
//
//   npm ci --ignore-scripts --prefix demos/icon-search
//   node --import jiti/register demos/icon-search/build.ts [OUT] [--size 64]
//
// OUT is data/icons by default. The same bytes on every run.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildIconData } from './data.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: '64' } },
});
const size = Number(values.size);
if (!Number.isSafeInteger(size) || size < 16 || size > 512)
  throw new Error(`--size is the side of a picture in pixels, 16 to 512; got ${values.size}.`);

const folder = positionals[0] ?? join(ROOT, 'data/icons');
const start = performance.now();
const data = await buildIconData(folder, size);
console.log(JSON.stringify(data, null, 2));
console.log(`${folder}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
