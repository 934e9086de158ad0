// Searches the held-out pack, Lucide, by words, with a model that never saw a drawing of it.
//
//   node --import jiti/register demos/icon-search/search.ts [RUN] [--data data/icons] [--query WORDS]...
//
// RUN is runs/icon-search by default. Prints recall and the first answers, and writes RUN/search.html.

import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { dataUri, type PageQuery, writePage } from '../page.ts';
import { chanceRecall, type Embeddings, nearest, recall, rowCount, scores } from '../search.ts';
import { readShard } from '../shards.ts';
import { openEncoder } from './encoder.ts';
import type { Facts } from './icon.ts';
import { pageOf, type TestResult } from './page.ts';
import { QUESTIONS } from './questions.ts';
import { namesIn } from './trained-names.ts';

const SHOWN = 10;
const PRINTED = 5;
const CAPTIONS_ON_PAGE = 16;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: 'data/icons' },
    checkpoint: { type: 'string', default: 'latest' },
    query: { type: 'string', multiple: true },
  },
});
const runDir = positionals[0] ?? 'runs/icon-search';
const shard = join(values.data, 'lucide-00000.tar');

const samples = await readShard<Facts>(shard);
const trained = await namesIn(values.data);
const encoder = await openEncoder(runDir, values.checkpoint);
const { pictures, captions } = await encoder.shard(shard);
const tests = testResults();
tests.forEach(printTest);
const own = search(values.query ?? QUESTIONS, encoder.texts(values.query ?? QUESTIONS));
own.forEach(printQuery);
const page = join(runDir, 'search.html');
const content = { tests, queries: own, captionQueries: captionQueries(), step: encoder.step };
await writePage(page, pageOf(content));
encoder.close();
console.log(`The page: ${relative(process.cwd(), page)}`);

/** All captions, and those of icons whose name no training drawing has. Always over the whole pack. */
function testResults(): TestResult[] {
  const all = samples.map((_, index) => index);
  const unseen = all.filter((index) => !trained.has(samples[index]!.facts.name));
  const measure = (name: string, queries: number[]): TestResult => ({
    ...{ name, queries: queries.length, gallery: samples.length, chance: chanceRecall(samples.length) },
    textToPicture: recall(captions, pictures, queries),
    pictureToText: recall(pictures, captions, queries),
  });
  return [measure('All of Lucide', all), measure('Names never trained on', unseen)];
}

/** The nearest pictures to each text; `meant` is the sample that each one belongs to. */
function search(texts: string[], embedded: Embeddings, meant: number[] = []): PageQuery[] {
  if (rowCount(embedded) !== texts.length) throw new Error('one row of embeddings for each text');
  return texts.map((text, query) => {
    const similarity = scores(embedded, query, pictures);
    const results = nearest(similarity, SHOWN).map((index) => ({
      picture: dataUri(samples[index]!.picture),
      caption: samples[index]!.facts.name,
      score: similarity[index]!,
      ...(index === meant[query] && { mark: 'right' as const }),
    }));
    return { text, results };
  });
}

/** Captions at even distances, so neither the best nor the worst are picked. */
function captionQueries(): PageQuery[] {
  const every = Math.floor(samples.length / CAPTIONS_ON_PAGE);
  const chosen = Array.from({ length: CAPTIONS_ON_PAGE }, (_, index) => index * every);
  const texts = chosen.map((index) => samples[index]!.facts.caption);
  return search(texts, encoder.texts(texts), chosen);
}

function printTest({ name, queries, gallery, chance, textToPicture, pictureToText }: TestResult): void {
  const cell = (share: number) => `${(100 * share).toFixed(2)} %`.padStart(10);
  console.log(`${name}: ${queries} captions, ${gallery} pictures`);
  console.log(`  ${''.padEnd(16)}${['R@1', 'R@5', 'R@10'].map((title) => title.padStart(10)).join('')}`);
  for (const [title, { at1, at5, at10 }] of Object.entries({
    chance,
    'text to picture': textToPicture,
    'picture to text': pictureToText,
  })) {
    console.log(`  ${title.padEnd(16)}${[at1, at5, at10].map(cell).join('')}`);
  }
}

function printQuery({ text, results }: PageQuery): void {
  const found = results.slice(0, PRINTED).map(({ caption, score }) => `${caption} (${score.toFixed(2)})`);
  console.log(`“${text}”: ${found.join(', ')}`);
}
