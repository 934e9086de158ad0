import sharp from 'sharp';
import { nameOfRow, type Row } from '../embed/row-lines.ts';
import { escaped } from '../io/html.ts';
import { formatCount } from '../io/human.ts';
import type { Search } from './search.ts';
import type { Match } from './shard.ts';

const THUMBNAIL_SIDE = 224;

export interface PageSection {
  title?: string;
  matches: readonly Match[];
}

/** One HTML file without outside parts: for each section its pictures, with scores and captions. */
export async function searchPage(
  search: Search,
  { title, sections }: { title: string; sections: readonly PageSection[] },
): Promise<string> {
  const blocks: string[] = [];
  for (const section of sections) {
    const cards: string[] = [];
    for (const match of section.matches) cards.push(await card(search, match));
    const heading = section.title === undefined ? '' : `<h2>${escaped(section.title)}</h2>`;
    blocks.push(`<section>${heading}<div class="cards">${cards.join('\n')}</div></section>`);
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${formatCount(search.size)} pictures, embedded by ${escaped(search.record.run)}, ${escaped(search.record.checkpoint)}.</p>
${blocks.join('\n')}
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
figure { margin: 0; } figcaption { font-size: .85rem; overflow-wrap: anywhere; }
img, .gone { width: 100%; aspect-ratio: 1; object-fit: contain; background: #8882; border-radius: 6px; }
.gone { display: grid; place-items: center; padding: 1rem; box-sizing: border-box; font-size: .85rem; }
.score { font-variant-numeric: tabular-nums; font-weight: 600; }
.path { opacity: .7; }`;

async function card(search: Search, { row, score }: Match): Promise<string> {
  const sample = search.row(row);
  const text = sample.caption ?? sample.class;
  return `<figure>${await thumbnail(search, row, sample)}<figcaption><span class="score">${score.toFixed(3)}</span> ${text === undefined ? '' : `${escaped(text)} `}<span class="path">${escaped(nameOfRow(sample))}</span></figcaption></figure>`;
}

async function thumbnail(search: Search, row: number, sample: Row): Promise<string> {
  try {
    const picture = sharp(await search.readPicture(row)).autoOrient();
    const side = {
      width: THUMBNAIL_SIDE,
      height: THUMBNAIL_SIDE,
      fit: 'inside',
      withoutEnlargement: true,
    } as const;
    const jpeg = await picture
      .resize(side)
      .flatten({ background: '#ffffff' })
      .jpeg({ quality: 80 })
      .toBuffer();
    return `<img src="data:image/jpeg;base64,${jpeg.toString('base64')}" alt="${escaped(sample.caption ?? nameOfRow(sample))}">`;
  } catch {
    return '<div class="gone">The picture is gone.</div>';
  }
}
