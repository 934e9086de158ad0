import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CurvePoint, lossCurve } from './chart.ts';
import { Html, html } from './html.ts';
import { STYLE } from './style.ts';

/** One picture that the model found. */
export interface PageResult {
  /** The picture itself: "data:image/png;base64,...". */
  dataUri: string;
  caption: string;
  /** Cosine similarity. */
  score: number;
  /** Whether the model never saw this emoji in training. */
  heldOut: boolean;
  /** Whether this is what the query names, where that is known. */
  correct?: boolean;
}

export interface PageQuery {
  text: string;
  results: PageResult[];
}

/** Share of queries, 0 to 1, whose picture is among the first 1, 5 and 10. */
export interface Recall {
  at1: number;
  at5: number;
  at10: number;
}

/** Text to picture over one test set: recall of the untrained and the trained model, and of a guess. */
export interface RetrievalTest {
  /** What was new to the model: "Emoji never seen". */
  name: string;
  note: string;
  before: Recall;
  after: Recall;
  chance: Recall;
  gallerySize: number;
}

export interface PageContent {
  title: string;
  /** Queries of our own, over all pictures. */
  queries: PageQuery[];
  /** Queries from the held-out set, over held-out pictures. */
  heldOutQueries?: PageQuery[];
  tests: RetrievalTest[];
  curve: CurvePoint[];
  /** Such as samples, seconds and machine, in the words to show. */
  facts: Record<string, string>;
}

/** Writes one HTML file that needs nothing else: styles, pictures and curve are inside. */
export async function writePage(path: string, content: PageContent): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, pageOf(content).source);
}

export function pageOf({ title, queries, heldOutQueries = [], tests, curve, facts }: PageContent): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<p class="brand">Couplet</p>
<h1>${title}</h1>
<p class="lead">Trained from nothing on emoji and what people call them. ${tests.map(({ name, after, chance }) => html`${name}: the right one is among the first ten answers to <strong>${percent(after.at10)}</strong> of the texts (by guessing, ${percent(chance.at10)}). `)}</p>
<dl class="facts">${Object.entries(facts).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>
<main>
<section class="measures">
<div class="card"><h2>From text to picture</h2>${tests.map(recallTable)}</div>
<figure class="card"><figcaption><h2>Training loss</h2></figcaption>${lossCurve(curve)}</figure>
</section>
<section>
<h2>Ask for anything</h2>
<p class="note">The pictures nearest to each text, of all emoji. ${NEW_BADGE} marks an emoji that took no part in training, in anyone’s drawing.</p>
<div class="queries">${queries.map(queryCard)}</div>
</section>
${
  heldOutQueries.length > 0 &&
  html`<section>
<h2>Ask for what was held out</h2>
<p class="note">The text is all that people call one held-out emoji; only held-out pictures are searched. ${RIGHT_BADGE} marks the one that was meant.</p>
<div class="queries">${heldOutQueries.map(queryCard)}</div>
</section>`
}
</main>
<footer><p>Pictures: Twemoji (CC BY 4.0), copyright Twitter, Inc and other contributors, through emoji-datasource-twitter. Words: emojibase-data (MIT), from Unicode CLDR.</p></footer>
</body>
</html>
`;
}

const NEW_BADGE = html`<span class="badge new">◆ new</span>`;
const RIGHT_BADGE = html`<span class="badge right">✓ right</span>`;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const queryCard = ({ text, results }: PageQuery): Html =>
  html`<article class="card query"><h3>“${text}”</h3><ol>${results.map(resultItem)}</ol></article>`;

/** What is special about a picture is told by a word and the line's style, not only by colour. */
function resultItem({ dataUri, caption, score, heldOut, correct = false }: PageResult): Html {
  const kind = correct ? 'right' : heldOut ? 'new' : 'seen';
  return html`<li class="${kind}"><img src="${dataUri}" alt="${caption}" width="64" height="64" loading="lazy">
<span class="caption">${caption}</span><span class="score"><span class="hidden">similarity </span>${score.toFixed(2)}</span>${correct && RIGHT_BADGE}${heldOut && !correct && NEW_BADGE}</li>`;
}

function recallTable({ name, note, before, after, chance, gallerySize }: RetrievalTest): Html {
  const row = (name: string, key: keyof Recall) => html`<tr><th scope="row">${name}</th>
<td>${percent(chance[key])}</td><td>${percent(before[key])}</td>
<td><div class="after"><span class="bar" style="--share:${after[key].toFixed(4)};--chance:${chance[key].toFixed(4)}"></span><b>${percent(after[key])}</b></div></td>
<td>${(after[key] / chance[key]).toFixed(1)}×</td></tr>`;
  return html`<table><caption><b>${name}.</b> ${note} One of ${gallerySize} pictures is right; the mark on a bar is chance.</caption>
<thead><tr><th scope="col">Recall</th><th scope="col">Chance</th><th scope="col">Before</th><th scope="col">After training</th><th scope="col">vs chance</th></tr></thead>
<tbody>${row('R@1', 'at1')}${row('R@5', 'at5')}${row('R@10', 'at10')}</tbody></table>`;
}
