import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { embedSource } from '../../src/embed/index.ts';
import { openSearch } from '../../src/search/index.ts';
import { pageOfEmbedding } from '../../src/search-page/index.ts';
import { runsFolder, tinyConfig, trainTiny } from '../run/harness.ts';
import { asManifest, asWebdataset, shapes } from '../run/shapes.ts';
import { naiveOrder } from './made-page.ts';

const folder = runsFolder();
const samples = await shapes(48);
const train = asWebdataset(`${folder}/train`, samples);
const { runDir } = await trainTiny(tinyConfig({ train, duration: { steps: 5 } }), { runsDir: folder });
const out = join(folder, 'embedded');
await embedSource(runDir, asManifest(join(folder, 'data'), samples), { out });

test('a page of an embedding has its rows, and the order of openSearch', async () => {
  const site = join(folder, 'site');
  const { facts, unreadable } = await pageOfEmbedding(out, site, {});
  expect([...unreadable]).toEqual([]);
  const rows = JSON.parse(readFileSync(join(site, 'rows/0.json'), 'utf8'));
  expect(rows[3]).toEqual({ caption: samples[3]!.caption, name: '0003.png' });
  expect(existsSync(join(site, 'thumbnails/0/47.webp'))).toBe(true);
  expect(readFileSync(join(site, 'index.html'), 'utf8')).toContain('<title>embedded</title>');

  const search = await openSearch(out, { threads: 1 });
  const query = Array.from({ length: facts.dim }, (_, i) => Math.sin(i + 1) / Math.sqrt(facts.dim / 2));
  const exact = new Map((await search.nearest(query, 48)).map(({ row, score }) => [row, score]));
  await search.close();
  const page = naiveOrder(site, query, 48);
  // A step of a row's scale is at most 1 / 127 of its largest number: rounding moves a product by less than 0.01.
  for (const [row, score] of page) expect(Math.abs(score - exact.get(row)!)).toBeLessThan(0.01);
});

test('a folder that exists and a run that is gone are refused, and nothing is written', async () => {
  await expect(pageOfEmbedding(out, folder, {})).rejects.toThrow(
    /exists\. Give the page a folder of its own/,
  );
  rmSync(join(runDir, 'config.json'));
  await expect(pageOfEmbedding(out, join(folder, 'other'), {})).rejects.toThrow(/a model that is gone/);
  expect(existsSync(join(folder, 'other'))).toBe(false);
});
