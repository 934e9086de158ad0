// The same folders in a browser: its decoder of pictures, WebAssembly, and the graph's own resize, against Couplet's evaluation.
import { symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, launch } from '../search-page/chromium.ts';
import { type Host, serve } from '../search-page/serve.ts';
import { difference, folder, unit } from './harness.ts';
import { barOf, clip, LABELS, pictures, pixelsOf, writeModels } from './transformers-folder.ts';

const chromium = findChromium();
const library = dirname(fileURLToPath(import.meta.resolve('@huggingface/transformers')));
const runtime = dirname(createRequire(join(library, 'index.js')).resolve('onnxruntime-web'));

const START = `
  globalThis.ready = import('/library/transformers.min.js').then(({ env, pipeline }) => {
    Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/models/' });
    Object.assign(env, { useBrowserCache: false, useWasmCache: false });
    Object.assign(env.backends.onnx.wasm, { wasmPaths: '/runtime/', numThreads: 1 });
    return pipeline;
  })`;

describe.skipIf(!chromium)('Chromium', () => {
  let browser: Browser;
  let host: Host;
  let page: Page;
  let files: Buffer[];

  beforeAll(async () => {
    const site = folder();
    files = await pictures();
    files.forEach((file, i) => {
      writeFileSync(join(site, `${i}.picture`), file);
    });
    await writeModels(join(site, 'models'));
    symlinkSync(library, join(site, 'library'));
    symlinkSync(runtime, join(site, 'runtime'));
    writeFileSync(join(site, 'index.html'), '<!doctype html><title>models</title>');
    host = await serve(site);
    browser = await launch(chromium!);
    page = await browser.newPage();
    await page.goto(`${host.origin}/`);
    await page.evaluate(`(${START}).then(() => undefined)`);
  });
  afterAll(async () => {
    await browser?.close();
    host?.close();
  });

  test("features of pictures are the run's", async () => {
    const rows = await page.evaluate<number[][]>(`ready.then(async (pipeline) => {
      const extract = await pipeline('image-feature-extraction', 'clip', { dtype: 'fp32', device: 'wasm' });
      const rows = [];
      for (let i = 0; i < ${files.length}; i++) rows.push(Array.from((await extract('/' + i + '.picture')).data));
      return rows;
    })`);
    for (const [i, row] of rows.entries()) {
      const features = { shape: [1, row.length], data: Float32Array.from(row) };
      expect(difference(unit(features), clip.images(await pixelsOf(files[i]!))), `picture ${i}`).toBeLessThan(
        await barOf(files[i]!),
      );
    }
  });

  test('without WebGPU it takes the int8 files, and classifies by words', async () => {
    const answer = await page.evaluate<{ label: string }[]>(`ready.then(async (pipeline) => {
      const classify = await pipeline('zero-shot-image-classification', 'clip');
      return classify('/0.picture', ${JSON.stringify(LABELS)}, { hypothesis_template: '{}' });
    })`);
    expect(answer.map(({ label }) => label).sort()).toEqual([...LABELS].sort());
    expect(host.asked).toContain('/models/clip/onnx/model_quantized.onnx');
    expect(host.asked).not.toContain('/models/clip/onnx/model.onnx');
  });
});
