import { type Html, html } from '../html.ts';
import { BADGES, type PageQuery, page, percent, querySection } from '../page.ts';
import type { Recall } from '../search.ts';
import { type CurvePoint, lossCurve } from './chart.ts';

/** Text to picture over one test set: recall of the untrained and the trained model, and of a guess. */
export interface RetrievalTest {
  /** What was new to the model: "New emoji". */
  name: string;
  note: string;
  before: Recall;
  after: Recall;
  chance: Recall;
  gallerySize: number;
}

export interface PageContent {
  title: string;
  /** Our own queries, over all pictures. */
  queries: PageQuery[];
  /** Queries from the held-out set, over held-out pictures. */
  heldOutQueries?: PageQuery[];
  tests: RetrievalTest[];
  curve: CurvePoint[];
  /** Such as samples, seconds and machine, in the words to show. */
  facts: Record<string, string>;
}

export const pageOf = ({ title, queries, heldOutQueries = [], tests, curve, facts }: PageContent): Html =>
  page({
    title,
    lead: html`Trained from nothing on emoji and what people call them. ${tests.map(({ name, after, chance }) => html`${name}: the right one is among the first ten answers to <strong>${percent(after.at10)}</strong> of the texts (by guessing, ${percent(chance.at10)}). `)}`,
    facts,
    main: [
      html`<section class="measures">
<div class="card"><h2>From text to picture</h2>${tests.map(recallTable)}</div>
<figure class="card"><figcaption><h2>Training loss</h2></figcaption>${lossCurve(curve)}</figure>
</section>
`,
      querySection(
        'Ask for anything',
        html`The pictures nearest to each text, of all emoji. ${BADGES.new} marks an emoji that took no part in training, in anyone’s drawing.`,
        queries,
      ),
      ...(heldOutQueries.length > 0
        ? [
            querySection(
              'Ask for what was held out',
              html`The text is all that people call one held-out emoji; only held-out pictures are searched. ${BADGES.right} marks the one that was meant.`,
              heldOutQueries,
            ),
          ]
        : []),
    ],
    credits:
      'Pictures: Twemoji (CC BY 4.0), copyright Twitter, Inc and other contributors, through emoji-datasource-twitter. Words: emojibase-data (MIT), from Unicode CLDR.',
  });

function recallTable({ name, note, before, after, chance, gallerySize }: RetrievalTest): Html {
  const row = (title: string, key: keyof Recall) => html`<tr><th scope="row">${title}</th>
<td>${percent(chance[key])}</td><td>${percent(before[key])}</td>
<td><div class="after"><span class="bar" style="--share:${after[key].toFixed(4)};--chance:${chance[key].toFixed(4)}"></span><b>${percent(after[key])}</b></div></td>
<td>${(after[key] / chance[key]).toFixed(1)}×</td></tr>`;
  return html`<table><caption><b>${name}.</b> ${note} One of ${gallerySize} pictures is right; the mark on a bar is chance.</caption>
<thead><tr><th scope="col">Recall</th><th scope="col">Chance</th><th scope="col">Before</th><th scope="col">After training</th><th scope="col">vs chance</th></tr></thead>
<tbody>${row('R@1', 'at1')}${row('R@5', 'at5')}${row('R@10', 'at10')}</tbody></table>`;
}
