import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoadedRun, loadRun } from '../../src/run/load-run.ts';
import { writeSearchPage } from '../../src/search-page/write-page.ts';
import { runsFolder, tinyConfig, tinyModel, trainTiny } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';
import { findChromium, launch, watch } from './chromium.ts';
import { picturesOf } from './made-page.ts';
import { type Host, serve } from './serve.ts';

const chromium = findChromium();
const folder = runsFolder();
const site = join(folder, 'site');
const samples = await shapes(32);
/** What a caption may try. */
const HOSTILE = [
  '<img src=x onerror="document.title=1"><script>document.title=2</script>',
  '\u202eright to left override \u05e2\u05d1\u05e8\u05d9\u05ea \u2066',
  'long'.repeat(5000),
  '"onmouseover="document.title=3" x="',
  '👨‍👩‍👧‍👦'.repeat(300),
  '  ',
];
const made = HOSTILE.map((caption, k) => ({
  bytes: samples[k]!.png,
  caption,
  path: `/home/me/a#b/${k} ?.png`,
}));
const broken = { bytes: Buffer.from('no picture'), caption: 'a broken one', path: '/home/me/broken.png' };

let words: LoadedRun;
let pictures: LoadedRun;
let browser: Browser;
let host: Host;

beforeAll(async () => {
  const train = asWebdataset(`${folder}/train`, samples);
  const tiny = (config: object) =>
    trainTiny(tinyConfig({ train, duration: { steps: 1 }, ...config }), { runsDir: folder });
  words = await loadRun((await tiny({ name: 'words' })).runDir);
  const { image } = tinyModel;
  pictures = await loadRun(
    (
      await tiny({
        name: 'pictures',
        method: { name: 'simclr' },
        model: { image },
      })
    ).runDir,
  );
  host = await serve(site);
  if (chromium) browser = await launch(chromium);
});

afterAll(async () => {
  await browser?.close();
  host?.close();
  words?.close();
  pictures?.close();
});

async function write(name: string, run: LoadedRun, some: typeof made = made) {
  const found = await picturesOf(run, some);
  return await writeSearchPage(join(site, name), { title: '<i>Odd</i> & "more"', pictures: found, run });
}

async function open(name: string, width = 390): Promise<{ page: Page; complaints: string[] }> {
  const page = await (await browser.newContext({ viewport: { width, height: 800 } })).newPage();
  const { complaints } = watch(page);
  await page.goto(`${host.origin}/${name}/`);
  return { page, complaints };
}

describe('a page for odd data', () => {
  test('takes captions as text: no tag, no script, no wide line', async () => {
    await write('hostile', words);
    const texts = readFileSync(join(site, 'hostile/rows/0.json'), 'utf8');
    expect(texts.length).toBeLessThan(10_000);
    expect(texts).not.toContain('/home/me');
    if (!chromium) return;
    const { page, complaints } = await open('hostile');
    await page.locator('.caption', { hasText: 'onmouseover' }).waitFor();
    expect(await page.title()).toBe('<i>Odd</i> & "more"');
    expect(await page.locator('h1').textContent()).toBe('<i>Odd</i> & "more"');
    expect(await page.locator('#results script, #results .caption *').count()).toBe(0);
    expect(await page.locator('.caption').allTextContents()).toEqual([
      HOSTILE[0],
      HOSTILE[1],
      `${'long'.repeat(100).slice(0, 399)}…`,
      HOSTILE[3],
      expect.stringMatching(/^👨‍👩‍👧‍👦.*…$/u),
      '5 ?.png', // the path stands in for no caption
    ]);
    expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBe(390);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('shows a picture that cannot be read by its caption', async () => {
    const found = await picturesOf(words, made.slice(0, 1));
    const { unreadable } = await writeSearchPage(join(site, 'broken'), {
      title: 'Broken',
      run: words,
      pictures: {
        ...found,
        vectors: Float32Array.from([...found.vectors, ...found.vectors]),
        rows: [{ caption: 'a good one' }, { caption: broken.caption }],
        readPicture: (row) => (row === 0 ? made[0]! : broken).bytes,
      },
    });
    expect([...unreadable]).toEqual([[1, 'not a JPEG, PNG or WebP picture']]);
    if (!chromium) return;
    const { page, complaints } = await open('broken');
    await page.locator('.caption', { hasText: 'a broken one' }).waitFor();
    expect(await page.locator('.plate img').count()).toBe(1);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('says that it holds no pictures', async () => {
    await write('empty', words, []);
    if (!chromium) return;
    const { page, complaints } = await open('empty');
    await page.locator('#status', { hasText: 'This page holds no pictures.' }).waitFor();
    expect(await page.locator('#words').isDisabled()).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('searches by pictures alone where the model has no text tower', async () => {
    const { facts } = await write('pictures', pictures);
    expect(facts.text).toBeUndefined();
    expect(existsSync(join(site, 'pictures/text.onnx'))).toBe(false);
    if (!chromium) return;
    const { page, complaints } = await open('pictures');
    expect(await page.locator('#words').isDisabled()).toBe(true);
    await page.setInputFiles('#file', { name: 'x.png', mimeType: 'image/png', buffer: samples[3]!.png });
    await page.locator('#status', { hasText: 'The nearest of 6' }).waitFor();
    expect(await page.locator('.card').first().getAttribute('data-row')).toBe('3');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('is not written over a folder', async () => {
    mkdirSync(join(site, 'mine'), { recursive: true });
    writeFileSync(join(site, 'mine/thesis.txt'), 'mine');
    await expect(write('mine', words)).rejects.toThrow(/mine exists\. Give the page a folder of its own/);
    expect(readFileSync(join(site, 'mine/thesis.txt'), 'utf8')).toBe('mine');
  });
});

describe.skipIf(!chromium)('a page says in a sentence', () => {
  beforeAll(() => write('whole', words));

  const damaged = (name: string, damage: (folder: string) => void): string => {
    cpSync(join(site, 'whole'), join(site, name), { recursive: true });
    damage(join(site, name));
    return name;
  };

  test.each([
    ['page.json', 'page.json is missing. Copy the page’s whole folder'],
    ['text.onnx', 'text.onnx is missing: the host answers 404.'],
    ['worker.js', 'The search could not start: worker.js is missing'],
    ['ort.js', 'ort.js is missing or damaged.'],
  ])('that %s is missing', async (file, sentence) => {
    const { page } = await open(damaged(`without-${file}`, (folder) => rmSync(join(folder, file))));
    await page.locator('#error', { hasText: sentence.replace('’', "'") }).waitFor();
    await page.context().close();
  });

  test.each(['text.onnx', 'ort.wasm', 'vectors.bin'])('that %s is cut', async (file) => {
    const { page } = await open(damaged(`cut-${file}`, (folder) => truncateSync(join(folder, file), 100)));
    await page.locator('#error', { hasText: `${file} is not whole: expected` }).waitFor();
    await page.context().close();
  });

  test('that a file is no picture, and goes on', async () => {
    const { page } = await open('whole');
    await page.setInputFiles('#file', {
      name: 'x.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('words'),
    });
    await page.locator('#error', { hasText: 'This is no picture. Drop a JPEG, PNG or WebP file.' }).waitFor();
    await page.setInputFiles('#file', { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('words') });
    await page.locator('#error', { hasText: 'no picture that the browser can read' }).waitFor();
    await page.setInputFiles('#file', { name: 'x.png', mimeType: 'image/png', buffer: samples[0]!.png });
    await page.locator('#status', { hasText: 'The nearest of 6' }).waitFor();
    expect(await page.locator('#error').isHidden()).toBe(true);
    await page.context().close();
  });

  test('that it was opened as a file', async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`file://${join(site, 'whole/index.html')}`);
    await page.locator('#error', { hasText: 'Browsers do not let a file load others.' }).waitFor();
    await page.context().close();
  });
});
