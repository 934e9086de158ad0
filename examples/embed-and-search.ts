// Embeds the pictures of a folder with a trained model, and finds those nearest to a text or to another picture.
//
//   node --import jiti/register examples/embed-and-search.ts RUN FOLDER QUERY
//   node --import jiti/register examples/embed-and-search.ts runs/clip photos "a red mug"
//   node --import jiti/register examples/embed-and-search.ts runs/moco-v3 photos like-this.jpg
//
// RUN is the folder of a run, as clip-on-a-csv.ts or moco-v3-on-a-folder.ts leaves it. Words need a model that was
// trained on captions. 1,000 pictures take a few seconds on two cores; the second time they are there already.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { embedSource, nameOfRow, openSearch } from 'couplet';

const [runDir = 'runs/clip', folder = 'photos', query = 'a red mug'] = process.argv.slice(2);

// Unit rows in embeddings.npy, a line of rows.jsonl for each, and embed.json. A stopped program goes on here.
const out = `embedded/${basename(runDir)}-${basename(folder)}`;
const { skipped } = await embedSource(runDir, { type: 'folder', path: folder, labelled: false }, { out });
for (const { name, reason } of skipped.first) console.error(`skipped ${name}: ${reason}`);

const search = await openSearch(out);
const matches = existsSync(query) ? await search.image(query, 5) : await search.words(query, 5);
for (const { row, score } of matches) console.log(`${score.toFixed(3)}  ${nameOfRow(search.row(row))}`);

// Pictures that are nearly the same, in groups.
const groups = search.duplicates({ above: 0.99 });
console.error(`${groups.length} groups of near-duplicates`);
await search.close();
