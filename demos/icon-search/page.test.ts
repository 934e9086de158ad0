import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/index.ts';
import { writePage } from '../page.ts';
import { chanceRecall } from '../search.ts';
import { readShard, writeShard } from '../shards.ts';
import type { Facts } from './icon.ts';
import { pageOf } from './page.ts';
import { namesIn } from './trained-names.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'couplet-icons-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the page', () => {
  const result = { picture: 'data:image/png;base64,AAAA', caption: 'a "b"', score: 0.5 };
  const recall = { at1: 0.1, at5: 0.2, at10: 0.345 };
  const content = {
    tests: [
      {
        ...{ name: 'All & more', queries: 20, gallery: 200, chance: chanceRecall(200) },
        ...{ textToPicture: recall, pictureToText: recall },
      },
    ],
    queries: [{ text: '<script>', results: [result] }],
    captionQueries: [{ text: 'b', results: [result, { ...result, mark: 'right' as const }] }],
    step: 1234,
  };
  const page = pageOf(content).source;

  it('escapes what it is given and needs nothing else', () => {
    expect(page).not.toContain('<script');
    expect(page).toContain('alt="a &quot;b&quot;"');
    expect(page).toContain('All &amp; more');
    expect(page).not.toMatch(/https?:|<link|@import|url\(|src="(?!data:)/);
  });

  it('tells recall beside chance, and marks the right icon by words', () => {
    expect(page).toContain('<th scope="row">R@10</th><td>5.0 %</td><td>34.5 %</td><td>34.5 %</td>');
    const items = page.match(/<li class[\s\S]*?<\/li>/g)!;
    expect(items.map((item) => item.includes('✓ right'))).toEqual([false, false, true]);
  });

  it('is written as one file', async () => {
    await writePage(join(folder, 'deep/search.html'), pageOf(content));
    expect(await readFile(join(folder, 'deep/search.html'), 'utf8')).toBe(page);
  });
});

describe('shards', () => {
  const facts = (key: string, name: string): Facts => ({
    ...{ key, name, caption: `caption of ${key}`, pack: 'p', style: 'filled' },
    ...{ ink: '#000000', background: '#ffffff' },
  });
  const samples = [facts('a-1', 'alarm clock'), facts('a-2', 'bell')].map((one) => ({
    picture: Buffer.from(one.key),
    facts: one,
  }));

  it('come back as they were; the training names in any order', async () => {
    const path = join(folder, 'train-00000.tar');
    await writeShard(path, samples);
    await writeShard(join(folder, 'val-00000.tar'), [
      { picture: Buffer.alloc(1), facts: facts('v', 'cloud') },
    ]);
    expect(await readShard(path)).toEqual(samples);
    const names = await namesIn(folder);
    expect(['clock alarm', 'bell', 'cloud'].map(names.has)).toEqual([true, true, false]);
  });

  it('have captions and no labels for Couplet', async () => {
    const path = join(folder, 'train-00001.tar');
    await writeShard(path, samples);
    const dataset = await openDataset([
      { type: 'webdataset', path, captionKey: 'caption', labelKey: 'label' },
    ]);
    expect([dataset.size, dataset.hasCaptions, dataset.hasLabels]).toEqual([2, true, false]);
    const captions: string[] = [];
    for await (const caption of dataset.captions()) captions.push(caption);
    expect(captions).toEqual(['caption of a-1', 'caption of a-2']);
    dataset.close();
  });
});
