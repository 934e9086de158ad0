import { type Html, html } from '../html.ts';
import { BADGES, type PageQuery, page, percent, querySection } from '../page.ts';
import type { Recall } from '../search.ts';

/** Retrieval both ways between the pictures of a pack and its captions. */
export interface TestResult {
  name: string;
  queries: number;
  /** Candidates, of which one is right. */
  gallery: number;
  chance: Recall;
  textToPicture: Recall;
  pictureToText: Recall;
}

export interface PageContent {
  tests: TestResult[];
  /** In a person's words. */
  queries: PageQuery[];
  /** Captions of the pack itself. */
  captionQueries: PageQuery[];
  step: number;
}

/** The shared style keeps the fourth column for bars; here it holds a number like the others. */
const TABLE = 'th:nth-child(4) { width: auto; text-align: right; }\n';

export function pageOf({ tests, queries, captionQueries, step }: PageContent): Html {
  const [all] = tests;
  return page({
    title: 'Find an icon by words',
    lead: html`Trained from nothing on six packs of icons, ${step.toLocaleString('en')} steps; searched is a seventh, of which it saw no drawing. ${all && html`The right one of ${all.gallery} is among the first ten for <strong>${percent(all.textToPicture.at10)}</strong> of its captions (by guessing, ${percent(all.chance.at10)}).`}`,
    main: [
      html`<section class="card">${tests.map(recallTable)}</section>
`,
      querySection(
        'Ask for anything',
        html`The icons of the held-out pack that are nearest to each text.`,
        queries,
      ),
      querySection(
        'Ask for what the pack says of itself',
        html`Captions at even distances through the pack. ${BADGES.right} marks the icon that has this caption.`,
        captionQueries,
      ),
    ],
    credits: 'Pictures and words: Lucide (ISC), through lucide-static.',
    style: TABLE,
  });
}

function recallTable({ name, queries, gallery, chance, textToPicture, pictureToText }: TestResult): Html {
  const row = (title: string, key: keyof Recall) =>
    html`<tr><th scope="row">${title}</th><td>${percent(chance[key])}</td><td>${percent(textToPicture[key])}</td><td>${percent(pictureToText[key])}</td></tr>`;
  return html`<table><caption><b>${name}.</b> ${queries} queries; one of ${gallery} is right.</caption>
<thead><tr><th scope="col">Recall</th><th scope="col">Chance</th><th scope="col">Text to picture</th><th scope="col">Picture to text</th></tr></thead>
<tbody>${row('R@1', 'at1')}${row('R@5', 'at5')}${row('R@10', 'at10')}</tbody></table>`;
}
