// Trains a small CLIP on emoji and their names, and searches the emoji that it never saw.
//
//   npm run demo                                   (or: node --import jiti/register examples/emoji-search/demo.ts)
//
// Writes the data to data/emoji and the page to runs/emoji-search/index.html.

import { availableParallelism, cpus } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { queryOf } from './captions.ts';
import { buildEmojiData } from './data.ts';
import { createModel, type Encoder } from './engine.ts';
import { type PageQuery, type Recall, writePage } from './page.ts';
import { chanceRecall, nearest, recall, scores } from './search.ts';
import { readShard, type Sample } from './shards.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA = join(ROOT, 'data/emoji');
const PAGE = join(ROOT, 'runs/emoji-search/index.html');

/** What the page asks, over all pictures. */
const QUESTIONS = [
  'a red fruit',
  'crying face',
  'musical instrument',
  'vehicle on water',
  'yellow animal',
  'blue heart',
  'cat',
  'winter sport',
  'something sweet to eat',
  'person at work',
  'night sky',
  'plant with leaves',
];
const RESULTS_PER_QUERY = 10;
const HELD_OUT_ON_PAGE = 6;

const data = await buildEmojiData(DATA);
console.log(
  `${data.train.samples} picture-text pairs of ${data.train.emoji} emoji; ${data.heldOut.emoji} other emoji are held out.`,
);
const heldOut = await readShard(join(DATA, data.heldOut.shards));
const gallery = await readShard(join(DATA, data.gallery.shards));
const chance = chanceRecall(heldOut.length);

const { encoder, train } = await createModel(DATA, data);
const before = await heldOutRecall(encoder);
const { curve, samplesSeen, seconds } = await train();
const after = await heldOutRecall(encoder);
printTable({ chance, before, after });

await writePage(PAGE, {
  title: 'Find an emoji by words',
  queries: await search(QUESTIONS, gallery),
  heldOutQueries: (await search(heldOut.map(queryText), heldOut)).filter(isShown),
  retrieval: { before, after, chance, gallerySize: heldOut.length },
  curve,
  facts: {
    'Training time': `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`,
    'Samples seen': samplesSeen.toLocaleString('en'),
    'Picture-text pairs': `${data.train.samples.toLocaleString('en')}, of ${data.train.emoji.toLocaleString('en')} emoji`,
    Machine: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${availableParallelism()} cores`,
  },
});
console.log(`The page: ${relative(process.cwd(), PAGE)} (${pathToFileURL(PAGE)})`);

function queryText({ facts }: Sample): string {
  return queryOf(facts);
}

async function heldOutRecall(model: Encoder): Promise<Recall> {
  const pictures = await model.images(heldOut.map(({ picture }) => picture));
  return recall(await model.texts(heldOut.map(queryText)), pictures);
}

/** The nearest pictures to each text. */
async function search(texts: string[], samples: Sample[]): Promise<PageQuery[]> {
  const pictures = await encoder.images(samples.map(({ picture }) => picture));
  const queries = await encoder.texts(texts);
  return texts.map((text, query) => ({
    text,
    results: resultsOf(text, scores(queries, query, pictures), samples),
  }));
}

function resultsOf(text: string, similarity: Float64Array, samples: Sample[]): PageQuery['results'] {
  return nearest(similarity, RESULTS_PER_QUERY).map((index) => {
    const { picture, facts } = samples[index]!;
    return {
      dataUri: `data:image/png;base64,${picture.toString('base64')}`,
      caption: facts.label,
      score: similarity[index]!,
      heldOut: facts.split !== 'train',
      correct: facts.split !== 'train' && queryText(samples[index]!) === text,
    };
  });
}

/** Evenly spaced, so neither the best nor the worst are picked. */
function isShown(_: PageQuery, index: number, all: PageQuery[]): boolean {
  return (
    index % Math.floor(all.length / HELD_OUT_ON_PAGE) === 0 &&
    index / Math.floor(all.length / HELD_OUT_ON_PAGE) < HELD_OUT_ON_PAGE
  );
}

function printTable(rows: Record<string, Recall>): void {
  const cell = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(9);
  console.log(`Text to picture over ${heldOut.length} held-out emoji`);
  console.log(`${''.padEnd(8)}${['R@1', 'R@5', 'R@10'].map((name) => name.padStart(9)).join('')}`);
  for (const [name, { at1, at5, at10 }] of Object.entries(rows)) {
    console.log(`${name.padEnd(8)}${[at1, at5, at10].map(cell).join('')}`);
  }
}
