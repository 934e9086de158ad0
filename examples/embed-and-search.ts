// Embeds the pictures of a folder with a trained model, and finds those nearest to a text or to another picture.
//
//   node --import jiti/register examples/embed-and-search.ts RUN FOLDER QUERY
//   node --import jiti/register examples/embed-and-search.ts runs/clip photos "a red mug"
//   node --import jiti/register examples/embed-and-search.ts runs/moco-v3 photos like-this.jpg
//
// RUN is the folder of a run, as clip-on-a-csv.ts or moco-v3-on-a-folder.ts leaves it. Words need a model that was
// trained on captions. 1,000 pictures take a few seconds on two cores.

import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { encodeDataset, loadRun, openDataset, torch } from 'couplet';

const [runDir = 'runs/clip', folder = 'photos', query = 'a red mug'] = process.argv.slice(2);

const run = await loadRun(runDir); // the last checkpoint; { checkpoint: 'best' } takes another
const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(jpe?g|png|webp)$/i.test(path))
  .sort()
  .map((path) => join(folder, path));

const { ids, images } = await embed(paths); // images: [N, E], rows of unit length
const queryRow = existsSync(query) ? (await embed([query])).images : embedText(query); // [1, E]

// Rows have unit length, so a product is the cosine similarity.
const similarity = images.matmul(queryRow.t).toNumbers();
const best = similarity
  .map((score, row) => ({ score, path: paths[Number(ids[row])] }))
  .sort((a, b) => b.score - a.score)
  .slice(0, 5);
for (const { score, path } of best) console.log(`${score.toFixed(3)}  ${path}`);
run.close();

/** Embeds files. A file that is no picture is left out; `ids` says which rows are there. */
async function embed(files: string[]) {
  const list = join(mkdtempSync(join(tmpdir(), 'embed-')), 'pictures.jsonl');
  writeFileSync(list, files.map((file) => `${JSON.stringify({ filepath: resolve(file) })}\n`).join(''));
  const dataset = await openDataset([{ type: 'manifest', path: list }]);
  try {
    return await encodeDataset(dataset, run, { texts: false });
  } finally {
    dataset.close();
  }
}

/** [1, E] of one text. */
function embedText(text: string): torch.Tensor {
  const { method, tokenizer, device } = run;
  if (!method.encodeTexts || !tokenizer)
    throw new Error(`${runDir} was trained without captions, and there is no file ${query}.`);
  const tokens = torch.tensor(tokenizer.encodeBatch([text]), [1, tokenizer.contextLength], { device });
  return torch.noGrad(() => method.encodeTexts!(tokens));
}
