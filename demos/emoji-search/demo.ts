// Trains a small CLIP on emoji and their names, and searches the emoji that it never saw.
//
//   npm run demo                                   (or: node --import jiti/register demos/emoji-search/demo.ts)
//
// Writes the data to data/emoji and the page to runs/emoji-search/index.html.

import { availableParallelism, cpus } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Progress } from 'couplet';
import { dataUri, type PageQuery, type PageResult, writePage } from '../page.ts';
import { chanceRecall, nearest, type Recall, recall, scores } from '../search.ts';
import { readShard, type Sample } from '../shards.ts';
import { queryOf } from './captions.ts';
import { buildEmojiData, type Caption } from './data.ts';
import { type Encoder, emojiConfig, openEncoder, trainModel } from './engine.ts';
import { pageOf, type RetrievalTest } from './page.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA = join(ROOT, 'data/emoji');
const RUNS = join(ROOT, 'runs');
const PAGE = join(RUNS, 'emoji-search/index.html');

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
console.log(`${data.train.samples} picture-text pairs of ${data.train.emoji} emoji are for training.`);
const heldOut = await readShard<Caption>(join(DATA, data.heldOut.shards));
const newDrawing = await readShard<Caption>(join(DATA, data.newDrawing.shards));
const gallery = await readShard<Caption>(join(DATA, data.gallery.shards));
const tests = [
  { name: 'New drawings', note: 'Emoji known from another vendor’s drawing only.', samples: newDrawing },
  { name: 'New emoji', note: 'Emoji that took no part in training, in any drawing.', samples: heldOut },
];

const status = new Progress();
const { curve, samplesSeen, seconds } = await trainModel(emojiConfig(DATA, data), RUNS, (event) =>
  status.show(event),
);
status.end();
const untrained = await openEncoder(RUNS, 'start');
const before = await recallOfEach(untrained);
untrained.close();
const encoder = await openEncoder(RUNS, 'latest');
const after = await recallOfEach(encoder);
const measured = tests.map(({ name, note, samples }, index) => ({
  ...{ name, note, gallerySize: samples.length },
  ...{ before: before[index]!, after: after[index]!, chance: chanceRecall(samples.length) },
}));
measured.forEach(printTable);

const content = {
  title: 'Find an emoji by words',
  queries: await search(QUESTIONS, gallery),
  heldOutQueries: (await search(heldOut.map(queryText), heldOut)).filter(isShown),
  tests: measured,
  curve,
  facts: {
    'Training time': `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`,
    'Samples seen': samplesSeen.toLocaleString('en'),
    'Picture-text pairs': `${data.train.samples.toLocaleString('en')}, of ${data.train.emoji.toLocaleString('en')} emoji`,
    Machine: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${availableParallelism()} cores`,
  },
};
await writePage(PAGE, pageOf(content));
console.log(`The page: ${relative(process.cwd(), PAGE)} (${pathToFileURL(PAGE)})`);

function queryText({ facts }: Sample<Caption>): string {
  return queryOf(facts);
}

/** Recall over each test set. */
async function recallOfEach(encoder: Encoder): Promise<Recall[]> {
  const results: Recall[] = [];
  for (const { samples } of tests) {
    const pictures = await encoder.images(samples.map(({ picture }) => picture));
    results.push(recall(await encoder.texts(samples.map(queryText)), pictures));
  }
  return results;
}

/** The nearest pictures to each text. */
async function search(texts: string[], samples: Sample<Caption>[]): Promise<PageQuery[]> {
  const pictures = await encoder.images(samples.map(({ picture }) => picture));
  const queries = await encoder.texts(texts);
  return texts.map((text, query) => ({
    text,
    results: resultsOf(text, scores(queries, query, pictures), samples),
  }));
}

function resultsOf(text: string, similarity: Float64Array, samples: Sample<Caption>[]): PageQuery['results'] {
  return nearest(similarity, RESULTS_PER_QUERY).map((index) => {
    const { picture, facts } = samples[index]!;
    const mark = markOf(facts, text);
    return {
      picture: dataUri(picture),
      caption: facts.label,
      score: similarity[index]!,
      ...(mark && { mark }),
    };
  });
}

function markOf(facts: Caption, query: string): PageResult['mark'] {
  if (!isNew(facts)) return undefined;
  return queryOf(facts) === query ? 'right' : 'new';
}

/** Evenly spaced, so neither the best nor the worst are picked. */
function isShown(_: PageQuery, index: number, all: PageQuery[]): boolean {
  return (
    index % Math.floor(all.length / HELD_OUT_ON_PAGE) === 0 &&
    index / Math.floor(all.length / HELD_OUT_ON_PAGE) < HELD_OUT_ON_PAGE
  );
}

function isNew({ split }: Caption): boolean {
  return split === 'heldOut' || split === 'setAside';
}

function printTable({ name, gallerySize, chance, before, after }: RetrievalTest): void {
  const cell = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(9);
  const line = (title: string, cells: string[]) => console.log(`  ${title.padEnd(8)}${cells.join('')}`);
  console.log(`${name}: text to picture, ${gallerySize} pictures`);
  line(
    '',
    ['R@1', 'R@5', 'R@10'].map((title) => title.padStart(9)),
  );
  for (const [title, { at1, at5, at10 }] of Object.entries({ chance, before, after })) {
    line(title, [at1, at5, at10].map(cell));
  }
}
