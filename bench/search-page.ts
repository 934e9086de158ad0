// Opens a search page of 10,000 pictures in headless Chromium (WASM, one thread), and measures what a person waits for.
//
//   node --import jiti/register bench/search-page.ts [MODEL] [PICTURES] [PAGE]
//
// PAGE keeps the page, or is one that is measured as it is. MODEL is a name such as ViT-B-32 (the default) or tiny; its weights are those before the first step. The host is on loopback.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRun, train } from 'couplet';
import type { Page } from 'playwright-core';
import { parseConfig } from '../src/config/index.ts';
import { writeSearchPage } from '../src/search-page/write-page.ts';
import { asWebdataset, shapes } from '../tests/run/shapes.ts';
import { findChromium, launch } from '../tests/search-page/chromium.ts';
import { serve } from '../tests/search-page/serve.ts';

const [model = 'ViT-B-32', pictures = '10000', kept] = process.argv.slice(2);
const count = Number(pictures);
const QUERIES = [
  'a red circle',
  'two dogs in the snow',
  'mountains',
  'a small blue square on the left',
  'food',
];

const folder = mkdtempSync(join(tmpdir(), 'search-page-'));
try {
  const page = kept ?? join(folder, 'page');
  if (!existsSync(page)) await writePage(page);
  await measure(page);
} finally {
  rmSync(folder, { recursive: true });
}

async function writePage(out: string): Promise<void> {
  const samples = await shapes(96);
  const config = parseConfig({
    name: 'run',
    device: 'cpu',
    model,
    method: { name: 'clip' },
    data: { train: asWebdataset(join(folder, 'train'), samples), tokenizer: { type: 'clip' }, workers: 1 },
    batch: { globalBatchSize: 2 },
    duration: { steps: 1 },
    optimizer: { peakLr: 1e-6 },
  });
  const { runDir } = await train(config, { runsDir: folder });
  const run = await loadRun(runDir);
  const dim = (run.model as { embedDim: number }).embedDim;
  const vectors = Float32Array.from({ length: count * dim }, () => Math.random() - 0.5);
  for (let row = 0; row < count; row++) {
    const part = vectors.subarray(row * dim, (row + 1) * dim);
    const length = Math.hypot(...part);
    part.forEach((value, i) => {
      part[i] = value / length;
    });
  }
  const rows = Array.from({ length: count }, (_, i) => ({
    caption: samples[i % 96]!.caption,
    path: `/${i}.png`,
  }));
  const started = performance.now();
  const { facts, remarks } = await writeSearchPage(out, {
    title: 'Bench',
    run,
    pictures: { dim, vectors, rows, readPicture: (row) => samples[row % 96]!.png },
  });
  run.close();
  const megabytes = (file: { bytes: number } | undefined) => `${(file!.bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `${model}, ${count} pictures; text tower ${megabytes(facts.text)}, image tower ${megabytes(facts.image)}, vectors ${megabytes(facts.vectors)}`,
  );
  for (const remark of remarks) console.log(remark);
  console.log(`written in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function measure(page: string): Promise<void> {
  const chromium = findChromium();
  if (!chromium) throw new Error('There is no Chromium: install it, or give its path in CHROME.');
  const host = await serve(page);
  const browser = await launch(chromium);
  const tab = await browser.newPage();
  const started = performance.now();
  const since = (start: number) => `${Math.round(performance.now() - start)} ms`;
  await tab.goto(host.origin);
  await tab.locator('.card').first().waitFor();
  console.log(`first pictures after ${since(started)}`);
  await tab.locator('#loading').waitFor({ state: 'visible' });
  await tab.locator('#loading').waitFor({ state: 'hidden' });
  console.log(`ready for words after ${since(started)}`);
  for (const words of QUERIES) await timed(tab, `words "${words}"`, () => tab.fill('#words', words));
  for (const again of ['first', 'second']) {
    const file = { name: 'x.png', mimeType: 'image/png', buffer: (await shapes(1))[0]!.png };
    await timed(tab, `${again} picture`, () => tab.setInputFiles('#file', file));
    await tab.locator('#clear').click();
  }
  await timed(tab, 'a picture like one of the page', () => tab.locator('.card').nth(3).click());
  await browser.close();
  host.close();
}

/** From the event to the answer on the screen; typing waits 250 ms for another key. */
async function timed(page: Page, what: string, act: () => Promise<unknown>): Promise<void> {
  await page.locator('#status').evaluate((status) => status.replaceChildren());
  const started = performance.now();
  await act();
  await page.locator('#status', { hasText: 'The nearest' }).waitFor();
  const whole = Math.round(performance.now() - started);
  console.log(
    `${what}: ${whole} ms, of which ${(await page.locator('#status').textContent())!.replace(/.* in /, '')} in the worker`,
  );
}
