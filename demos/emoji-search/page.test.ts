import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ticks } from '../../scripts/line-chart.ts';
import { html } from '../html.ts';
import { writePage } from '../page.ts';
import { chanceRecall } from '../search.ts';
import { type PageContent, pageOf } from './page.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

const result = { picture: 'data:image/png;base64,AAAA', caption: 'red "apple"', score: 0.5 };
const content: PageContent = {
  title: 'Emoji & <friends>',
  queries: [
    { text: '<script>alert(1)</script>', results: [result, { ...result, caption: 'pear', mark: 'new' }] },
  ],
  heldOutQueries: [{ text: 'pear', results: [{ ...result, caption: 'pear', mark: 'right' }] }],
  tests: [
    {
      name: 'Emoji never seen',
      note: 'A <note>.',
      before: chanceRecall(200),
      after: { at1: 0.1, at5: 0.3, at10: 0.4567 },
      chance: chanceRecall(200),
      gallerySize: 200,
    },
  ],
  curve: [0, 1, 2].map((index) => ({ samples: index * 1000, loss: 4 - index })),
  facts: { Machine: '2 cores' },
};

describe('the page', () => {
  const page = pageOf(content).source;

  it('escapes what it is given', () => {
    expect(page).not.toContain('<script');
    expect(page).toContain('“&lt;script&gt;alert(1)&lt;/script&gt;”');
    expect(page).toContain('<title>Emoji &amp; &lt;friends&gt;</title>');
    expect(page).toContain('A &lt;note&gt;.');
    expect(page).toContain('alt="red &quot;apple&quot;"');
  });

  it('needs nothing else', () => {
    expect(page).not.toMatch(/https?:|<link|<script|@import|url\(|src="(?!data:)/);
  });

  it('gives every picture a text, and marks the right and the new ones by words', () => {
    const pictures = page.match(/<img [^>]*>/g)!;
    expect(pictures).toHaveLength(3);
    for (const picture of pictures) expect(picture).toMatch(/alt="[^"]+"/);
    const items = page.match(/<li class[\s\S]*?<\/li>/g)!;
    expect(items.map((item) => [item.includes('◆ new'), item.includes('✓ right')])).toEqual([
      [false, false],
      [true, false],
      [false, true],
    ]);
  });

  it('shows recall before and after, and how many times chance', () => {
    expect(page).toMatch(/R@10<\/th>\s*<td>5\.0 %<\/td><td>5\.0 %<\/td>[\s\S]*?45\.7 %[\s\S]*?9\.1×/);
  });

  it('is written as one file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'couplet-page-'));
    folders.push(folder);
    const path = join(folder, 'deep/index.html');
    await writePage(path, pageOf(content));
    expect(await readFile(path, 'utf8')).toBe(page);
  });
});

describe('its parts', () => {
  it('put only their own markup in unescaped', () => {
    expect(html`<p>${'<i>'}${html`<b>${1}</b>`}${[html`<u></u>`, '&']}${false}</p>`.source).toBe(
      '<p>&lt;i&gt;<b>1</b><u></u>&amp;</p>',
    );
  });

  it('choose round ticks that reach around the values', () => {
    expect(ticks(0.93, 5.6)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(ticks(0, 90_000)).toEqual([0, 20_000, 40_000, 60_000, 80_000, 100_000]);
  });
});
