import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Html, html } from '../emoji-search/html.ts';
import type { Recall } from '../emoji-search/page.ts';
import { STYLE } from '../emoji-search/style.ts';
import type { TestResult } from './recall.ts';

/** One icon that the model found. */
export interface PageResult {
  /** "data:image/png;base64,...". */
  dataUri: string;
  name: string;
  /** Cosine similarity. */
  score: number;
  /** Whether the text is this icon's own caption. */
  correct: boolean;
}

export interface PageQuery {
  text: string;
  results: PageResult[];
}

export interface PageContent {
  tests: TestResult[];
  /** In a person's words. */
  queries: PageQuery[];
  /** Captions of the pack itself. */
  captionQueries: PageQuery[];
  step: number;
}

/** The emoji's fourth column holds bars, ours a number like the others. */
const TABLE = 'th:nth-child(4) { width: auto; text-align: right; }\n';

/** Writes one HTML file that needs nothing else: styles and pictures are inside. */
export async function writePage(path: string, content: PageContent): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, pageOf(content).source);
}

export function pageOf({ tests, queries, captionQueries, step }: PageContent): Html {
  const [all] = tests;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Find an icon by words</title>
<style>${new Html(STYLE + TABLE)}</style>
</head>
<body>
<header>
<p class="brand">Couplet</p>
<h1>Find an icon by words</h1>
<p class="lead">Trained from nothing on six packs of icons, ${step.toLocaleString('en')} steps; searched is a seventh, of which it saw no drawing. ${all && html`The right one of ${all.gallery} is among the first ten for <strong>${percent(all.textToPicture.at10)}</strong> of its captions (by guessing, ${percent(all.chance.at10)}).`}</p>
</header>
<main>
<section class="card">${tests.map(recallTable)}</section>
<section>
<h2>Ask for anything</h2>
<p class="note">The icons of the held-out pack that are nearest to each text.</p>
<div class="queries">${queries.map(queryCard)}</div>
</section>
<section>
<h2>Ask for what the pack says of itself</h2>
<p class="note">Captions at even distances through the pack. ${RIGHT_BADGE} marks the icon that has this caption.</p>
<div class="queries">${captionQueries.map(queryCard)}</div>
</section>
</main>
<footer><p>Pictures and words: Lucide (ISC), through lucide-static.</p></footer>
</body>
</html>
`;
}

const RIGHT_BADGE = html`<span class="badge right">✓ right</span>`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const queryCard = ({ text, results }: PageQuery): Html =>
  html`<article class="card query"><h3>“${text}”</h3><ol>${results.map(resultItem)}</ol></article>`;

const resultItem = ({ dataUri, name, score, correct }: PageResult): Html =>
  html`<li class="${correct ? 'right' : 'seen'}"><img src="${dataUri}" alt="${name}" width="64" height="64" loading="lazy">
<span class="caption">${name}</span><span class="score"><span class="hidden">similarity </span>${score.toFixed(2)}</span>${correct && RIGHT_BADGE}</li>`;

function recallTable({ name, queries, gallery, chance, textToPicture, pictureToText }: TestResult): Html {
  const row = (title: string, key: keyof Recall) =>
    html`<tr><th scope="row">${title}</th><td>${percent(chance[key])}</td><td>${percent(textToPicture[key])}</td><td>${percent(pictureToText[key])}</td></tr>`;
  return html`<table><caption><b>${name}.</b> ${queries} queries; one of ${gallery} is right.</caption>
<thead><tr><th scope="col">Recall</th><th scope="col">Chance</th><th scope="col">Text to picture</th><th scope="col">Picture to text</th></tr></thead>
<tbody>${row('R@1', 'at1')}${row('R@5', 'at5')}${row('R@10', 'at10')}</tbody></table>`;
}
