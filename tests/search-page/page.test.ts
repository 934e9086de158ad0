import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoadedRun, loadRun } from '../../src/run/load-run.ts';
import { writeSearchPage } from '../../src/search-page/write-page.ts';
import { runsFolder, tinyConfig, trainTiny } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';
import { findChromium, launch, type Watched, watch } from './chromium.ts';
import { naiveOrder, picturesOf, vectorOfPicture, vectorOfWords } from './made-page.ts';
import { type Host, serve } from './serve.ts';

const chromium = findChromium();

const folder = runsFolder();
const site = join(folder, 'site');
/** A folder of a host, with a name that needs care. */
const NAME = 'my page #1';
const samples = await shapes(96);
const svg = (body: string) =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="300" height="160">${body}</svg>`);
/** Upright only after its EXIF is read. */
const turned = await sharp(
  svg('<rect width="300" height="160" fill="#3050d0"/><circle cx="60" cy="50" r="40" fill="#f0e020"/>'),
)
  .flatten()
  .withMetadata({ orientation: 6 })
  .jpeg({ quality: 95 })
  .toBuffer();
const glass = await sharp(svg('<circle cx="150" cy="80" r="60" fill="#c02020" fill-opacity="0.6"/>'))
  .png()
  .toBuffer();
const made = [
  ...samples.map(({ png, caption }, k) => ({
    bytes: png,
    caption,
    path: `/home/me/my #1 pictures/${k} ?.png`,
  })),
  { bytes: turned, path: '/home/me/odd/turned.jpg' },
  { bytes: glass, path: '/home/me/odd/glass.png' },
];
const [TURNED, GLASS] = [96, 97];

let run: LoadedRun;
let browser: Browser;
let host: Host;

beforeAll(async () => {
  const config = tinyConfig({
    train: asWebdataset(`${folder}/train`, samples),
    method: { name: 'clip' },
    batch: { globalBatchSize: 32 },
    duration: { steps: 60 },
    optimizer: { peakLr: 6e-3, clipGradNorm: 1 },
  });
  run = await loadRun((await trainTiny(config, { runsDir: folder })).runDir);
  await writeSearchPage(join(site, NAME), { title: 'Shapes', pictures: await picturesOf(run, made), run });
  host = await serve(site);
  if (chromium) browser = await launch(chromium);
});

afterAll(async () => {
  await browser?.close();
  host?.close();
  run?.close();
});

type Opened = Page & { seen: Watched };

async function open(hash = ''): Promise<Opened> {
  const page = await (await browser.newContext({ viewport: { width: 1000, height: 800 } })).newPage();
  const seen = watch(page);
  await page.goto(`${host.origin}/${encodeURIComponent(NAME)}/${hash}`);
  await page.locator('.card').first().waitFor();
  return Object.assign(page, { seen });
}

/** Rows and scores of cards, once there is an answer to `act`. */
async function foundBy(page: Page, act: () => Promise<unknown>): Promise<[number, number][]> {
  await page.locator('#status').evaluate((status) => status.replaceChildren());
  await act();
  await page.locator('#status', { hasText: 'The nearest of 98' }).waitFor();
  return await page
    .locator('.card')
    .evaluateAll((cards) =>
      cards.map((card) => [Number(card.dataset.row), Number(card.querySelector('.score')!.textContent)]),
    );
}

/** What the page must show first for a query of the run itself. */
const expectedFor = (query: readonly number[]) => naiveOrder(join(site, NAME), query, made.length);

/** Shown scores have two decimals; a tower of eight bits has a cosine of 0.98 or more to the run's. */
function expectNear(found: readonly [number, number][], query: readonly number[], within: number): void {
  const expected = expectedFor(query);
  const scores = new Map(expected);
  expect(found.map(([, score]) => score)).toEqual(found.map(([, score]) => score).toSorted((a, b) => b - a));
  for (const [row, score] of found)
    expect(Math.abs(score - scores.get(row)!), `row ${row}`).toBeLessThan(within);
  const best = new Set(found.slice(0, 10).map(([row]) => row));
  expect(expected.slice(0, 10).filter(([row]) => best.has(row)).length).toBeGreaterThanOrEqual(8);
}

describe.skipIf(!chromium)('a search page in Chromium (none on PATH, no CHROME: not opened)', () => {
  test('finds by words what the run finds', async () => {
    const page = await open();
    const words = 'a large red circle on the left.';
    const found = await foundBy(page, () => page.fill('#words', words));
    expectNear(found, vectorOfWords(run, words), 0.2);
    expect(decodeURIComponent(new URL(page.url()).hash)).toBe(`#words=${words}`);
    expect(page.seen.complaints).toEqual([]);
    await page.context().close();
  });

  test.each([
    ['a PNG', 5],
    ['a JPEG that EXIF turns', TURNED],
    ['a PNG with alpha', GLASS],
  ])('finds by %s what the run finds', async (_, row) => {
    const page = await open();
    const { bytes } = made[row]!;
    const file = { name: 'a picture #1.png', mimeType: 'image/png', buffer: Buffer.from(bytes) };
    const found = await foundBy(page, () => page.setInputFiles('#file', file));
    expect(found[0]![0]).toBe(row);
    // It is the picture itself, decoded by another program.
    expect(found[0]![1]).toBeGreaterThan(0.97);
    expectNear(found, await vectorOfPicture(run, bytes), 0.1);
    expect(page.seen.complaints).toEqual([]);
    await page.context().close();
  });

  test('finds pictures like a clicked one, in the order of a plain loop', async () => {
    const page = await open();
    const found = await foundBy(page, () => page.locator('.card').nth(7).click());
    const bytes = readFileSync(join(site, NAME, 'vectors.bin'));
    const dim = 32;
    const scale = bytes.readFloatLE(4 * 7);
    const query = Array.from(
      { length: dim },
      (_, i) => bytes.readInt8(4 * made.length + 7 * dim + i) * scale,
    );
    const expected = expectedFor(query).slice(0, found.length);
    expect(found).toEqual(expected.map(([row, score]) => [row, Number(score.toFixed(2))]));
    await page.context().close();
  });

  test('takes a dropped picture, and a pasted one', async () => {
    for (const type of ['drop', 'paste']) {
      const page = await open();
      const drop = () =>
        page.locator('body').evaluate(
          async (body, [kind, base64]) => {
            const binary = atob(base64!);
            const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
            const event =
              kind === 'drop'
                ? new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer })
                : new ClipboardEvent('paste', { bubbles: true, clipboardData: transfer });
            body.dispatchEvent(event);
          },
          [type, samples[9]!.png.toString('base64')],
        );
      const found = await foundBy(page, drop);
      expect(found[0]![0]).toBe(9);
      await page.context().close();
    }
  });

  test('goes back and forth by the keyboard and the browser', async () => {
    const page = await open('#like=3');
    await page.locator('#like-text', { hasText: made[3]!.path ? samples[3]!.caption : '' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('a small blue cross on the right.');
    await foundBy(page, () => page.keyboard.press('Enter'));
    await page.keyboard.press('Tab');
    await page.locator('.card').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    const columns = await page
      .locator('.card')
      .evaluateAll((cards) =>
        cards.findIndex((card) => card.getBoundingClientRect().top > cards[0]!.getBoundingClientRect().top),
      );
    expect(
      await page.locator('.card').evaluateAll((cards) => cards.findIndex((card) => card.matches(':focus'))),
    ).toBe(columns + 1);
    await foundBy(page, () => page.keyboard.press('Enter'));
    expect(page.url()).toMatch(/#like=\d+$/);
    await foundBy(page, () => page.goBack());
    expect(await page.inputValue('#words')).toBe('a small blue cross on the right.');
    await page.keyboard.press('Escape');
    await page.locator('#status', { hasText: '98 pictures' }).waitFor();
    expect(await page.locator('.score').count()).toBe(0);
    await page.locator('#more').click();
    expect(await page.locator('.card').count()).toBe(98);
    await page.context().close();
  });

  test('asks for nothing outside its folder, and its policy allows nothing else', async () => {
    const page = await open();
    await foundBy(page, () => page.fill('#words', 'a red square'));
    await foundBy(page, () =>
      page.setInputFiles('#file', { name: 'x.png', mimeType: 'image/png', buffer: samples[1]!.png }),
    );
    const inside = `${host.origin}/${encodeURIComponent(NAME)}/`;
    expect(page.seen.requests.filter((url) => !/^(blob|data):/.test(url) && !url.startsWith(inside))).toEqual(
      [],
    );
    expect(host.asked.every((path) => path.startsWith(`/${NAME}/`))).toBe(true);
    expect(page.seen.complaints).toEqual([]);
    const blocked = await page.locator('body').evaluate(async (body) => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "changed"';
      body.append(script);
      return await fetch('http://127.0.0.1:9/').then(String, String);
    });
    expect(blocked).toContain('Failed to fetch');
    expect(await page.title()).toBe('Shapes');
    expect(page.seen.complaints.join('\n')).toMatch(/Content Security Policy/);
    await page.context().close();
  });
});
