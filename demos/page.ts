import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Html, html } from './html.ts';
import { STYLE } from './style.ts';

/** The parts of a demo's page. */
export interface Page {
  title: string;
  lead: Html;
  /** Label and value, in the words to show. */
  facts?: Record<string, string>;
  main: Html[];
  /** Whose pictures and words these are, and under which licence. */
  credits: string;
  /** CSS rules after the shared ones. */
  style?: string;
}

/** A query and the pictures that answer it, best first. */
export interface PageQuery {
  text: string;
  results: PageResult[];
}

export interface PageResult {
  /** "data:image/png;base64,...", as `dataUri` makes it. */
  picture: string;
  caption: string;
  /** Cosine similarity. */
  score: number;
  /** What is special about the picture, if anything. */
  mark?: 'right' | 'new';
}

/** What is special about a picture is told by words and a line's style, not only by colour. */
export const BADGES = {
  new: html`<span class="badge new">◆ new</span>`,
  right: html`<span class="badge right">✓ right</span>`,
};

/** One HTML document that needs no other file: style and pictures are inside. */
export const page = ({ title, lead, facts, main, credits, style = '' }: Page): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE + style)}</style>
</head>
<body>
<header>
<p class="brand">Couplet</p>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${facts && html`<dl class="facts">${Object.entries(facts).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
</header>
<main>
${main}</main>
<footer><p>${credits}</p></footer>
</body>
</html>
`;

/** Writes a page, and the folders that it stands in. */
export async function writePage(path: string, content: Html): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content.source);
}

/** A section of queries, each with its answers. */
export const querySection = (title: string, note: Html, queries: PageQuery[]): Html => html`<section>
<h2>${title}</h2>
<p class="note">${note}</p>
<div class="queries">${queries.map(queryCard)}</div>
</section>
`;

const queryCard = ({ text, results }: PageQuery): Html =>
  html`<article class="card query"><h3>“${text}”</h3><ol>${results.map(thumbnail)}</ol></article>`;

const thumbnail = ({ picture, caption, score, mark }: PageResult): Html =>
  html`<li class="${mark ?? 'seen'}"><img src="${picture}" alt="${caption}" width="64" height="64" loading="lazy">
<span class="caption">${caption}</span><span class="score"><span class="hidden">similarity </span>${score.toFixed(2)}</span>${mark && BADGES[mark]}</li>`;

export const dataUri = (png: Buffer): string => `data:image/png;base64,${png.toString('base64')}`;

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
