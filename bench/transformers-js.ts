/**
 * Does transformers.js see the pictures that an evaluation sees, in Node and in Chromium?
 *
 *   node --import jiti/register bench/transformers-js.ts [--run runs/emoji-search] [--data data/emoji]
 *
 * Needs the run of the emoji demo (npm run demo).
 *
 * For 100 pictures, the five nearest of all captions: by features of transformers.js, and by those of the run in float32. Photos: emoji on
 * noise, JPEGs of 200 to 1,000 pixels. Drawings: PNGs of 72 pixels. The graph resizes, or transformers.js by `resample` (1: Lanczos, 3: bicubic).
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { env, pipeline } from '@huggingface/transformers';
import sharp from 'sharp';
import { readShard } from '../demos/shards.ts';
import {
  centerView,
  cutLarge,
  cutSmall,
  decodePixels,
  isSmall,
  openPicture,
} from '../src/data/pictures/decode.ts';
import { tokensToDevice, viewToDevice } from '../src/feed/upload.ts';
import { onHost } from '../src/io/checkpoint.ts';
import { writeOnnx } from '../src/onnx/index.ts';
import { loadRun } from '../src/run/load-run.ts';
import { noGrad, scope, type Tensor } from '../src/torch/index.ts';
import { photo } from '../tests/data/photo.ts';
import { findChromium, launch } from '../tests/search-page/chromium.ts';
import { serve } from '../tests/search-page/serve.ts';

const { values } = parseArgs({
  options: {
    run: { type: 'string', default: 'runs/emoji-search' },
    data: { type: 'string', default: 'data/emoji' },
  },
});
const COUNT = 100;
const TOP = 5;
/** Who resizes: the graph, or transformers.js by its number of a filter. */
const RESIZES = { graph: undefined, lanczos: 1, bicubic: 3 };

const run = await loadRun(values.run, { set: ['precision=float32'] });
const side = run.imageSize;
const { mean, std, crop } = run.config.data;
const site = mkdtempSync(join(tmpdir(), 'bench-transformers-'));
try {
  await measure();
} finally {
  rmSync(site, { recursive: true });
  run.close();
}

async function measure(): Promise<void> {
  const samples = [...(await shard('held-out')), ...(await shard('new-drawing'))].slice(0, COUNT);
  const emoji = samples.map(({ picture }) => picture);
  const kinds = { photos: await photos(emoji), drawings: await drawings(emoji) };
  const captions = (await shard('gallery')).map(({ facts }) => rowOf(() => encodeText(facts.caption)));
  await writeModels();
  for (const [kind, files] of Object.entries(kinds)) {
    const expected: number[][] = [];
    for (const file of files) expected.push(nearest(await ownFeatures(file), captions));
    const print = (where: string, rows: number[][]) => {
      const same = rows.filter((row, i) => nearest(row, captions).join() === expected[i]!.join());
      console.log(`${kind}, ${where}: ${same.length} of ${COUNT} have the same ${TOP}`);
    };
    for (const name of Object.keys(RESIZES)) print(`Node, ${name}`, await inNode(name, files));
    for (const name of ['graph', 'bicubic']) {
      const rows = await inChromium(name, files);
      if (rows) print(`Chromium, ${name === 'graph' ? name : 'canvas'}`, rows);
    }
  }
}

function shard(name: string) {
  return readShard<{ caption: string }>(join(values.data, `${name}.tar`));
}

function drawings(emoji: readonly Buffer[]): Promise<Buffer[]> {
  return Promise.all(emoji.map((one) => sharp(one).flatten({ background: '#ffffff' }).png().toBuffer()));
}

function photos(emoji: readonly Buffer[]): Promise<Buffer[]> {
  const [width, height] = [1200, 1000];
  const noise = sharp(photo(width, height), { raw: { width, height, channels: 3 } });
  return Promise.all(
    emoji.map(async (one, i) => {
      const size = { width: 200 + ((i * 367) % 800), height: 200 + ((i * 211) % 600) };
      const edge = Math.floor(0.85 * Math.min(size.width, size.height));
      const input = await sharp(one)
        .resize(edge, edge, { kernel: i % 2 ? 'nearest' : 'cubic' })
        .png()
        .toBuffer();
      const place = { left: (i * 97) % (width - size.width), top: (i * 53) % (height - size.height) };
      const picture = noise
        .clone()
        .extract({ ...place, ...size })
        .composite([{ input }]);
      return picture.jpeg({ quality: 92 }).toBuffer();
    }),
  );
}

function rowOf(encode: () => Tensor): number[] {
  let row: number[] = [];
  noGrad(() =>
    scope(() => {
      row = encode().toNumbers();
    }),
  );
  return row;
}

function encodeText(text: string): Tensor {
  return run.method.encodeTexts!(tokensToDevice(run.tokenizer!.encode(text), 1, run.device));
}

async function ownFeatures(file: Buffer): Promise<number[]> {
  const picture = await openPicture(file, { minSide: 1, maxPixels: 1e8 });
  const images = new Uint8Array(side * side * 3);
  const place = { target: images, offset: 0, interpolation: crop.interpolation };
  const view = centerView(picture.size, side);
  if (isSmall(picture)) cutSmall(await decodePixels(picture), view, place);
  else await cutLarge(picture, view, place);
  return rowOf(() => run.method.encodeImages(viewToDevice({ images, side }, run.device)));
}

/** Places of the nearest captions, in order of place: which of two near ones is first does not count. */
function nearest(row: readonly number[], captions: readonly number[][]): number[] {
  const scores = captions.map((caption) => caption.reduce((sum, value, i) => sum + value * row[i]!, 0));
  const places = scores.map((_, place) => place).sort((a, b) => scores[b]! - scores[a]!);
  return places.slice(0, TOP).sort((a, b) => a - b);
}

/** A folder for each way to resize. */
async function writeModels(): Promise<void> {
  const weights = onHost(run.method.model);
  const spec = run.model;
  const pixels = { mean, std, interpolation: crop.interpolation };
  for (const [name, resample] of Object.entries(RESIZES)) {
    const at = join(site, 'models', name);
    mkdirSync(join(at, 'onnx'), { recursive: true });
    const byGraph = resample === undefined;
    const options = { spec, weights, part: 'image', ...(byGraph && { pixels }) } as const;
    await writeOnnx(join(at, 'onnx/vision_model.onnx'), options);
    const config = { model_type: 'clip', text_config: {}, vision_config: {} };
    writeFileSync(join(at, 'config.json'), JSON.stringify(config));
    const processor = {
      ...{ image_processor_type: 'CLIPImageProcessor', do_convert_rgb: true },
      ...{ do_resize: !byGraph, size: { shortest_edge: side }, resample },
      ...{ do_center_crop: !byGraph, crop_size: { width: side, height: side } },
      ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: mean, image_std: std },
    };
    writeFileSync(join(at, 'preprocessor_config.json'), JSON.stringify(processor));
  }
}

async function inNode(model: string, files: readonly Buffer[]): Promise<number[][]> {
  Object.assign(env, { allowRemoteModels: false, useFSCache: false, localModelPath: join(site, 'models') });
  const extract = await pipeline('image-feature-extraction', model, { dtype: 'fp32', device: 'cpu' });
  const rows: number[][] = [];
  for (const file of files)
    rows.push(Array.from((await extract(new Blob([new Uint8Array(file)]))).data as Float32Array));
  await extract.dispose();
  return rows;
}

/** Undefined where there is no Chromium. */
async function inChromium(model: string, files: readonly Buffer[]): Promise<number[][] | undefined> {
  const chromium = findChromium();
  if (chromium === undefined) return undefined;
  const library = dirname(createRequire(import.meta.url).resolve('@huggingface/transformers'));
  const runtime = dirname(createRequire(join(library, 'index.js')).resolve('onnxruntime-web'));
  for (const [name, target] of Object.entries({ library, runtime })) {
    rmSync(join(site, name), { force: true });
    symlinkSync(target, join(site, name));
  }
  files.forEach((file, i) => {
    writeFileSync(join(site, `${i}.picture`), file);
  });
  writeFileSync(join(site, 'index.html'), '<!doctype html>');
  const host = await serve(site);
  const browser = await launch(chromium);
  try {
    const page = await browser.newPage();
    await page.goto(`${host.origin}/`);
    return await page.evaluate<number[][]>(`import('/library/transformers.min.js').then(async (library) => {
      const { env, pipeline } = library;
      Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/models/' });
      Object.assign(env, { useBrowserCache: false, useWasmCache: false });
      Object.assign(env.backends.onnx.wasm, { wasmPaths: '/runtime/', numThreads: 1 });
      const extract = await pipeline('image-feature-extraction', '${model}', { dtype: 'fp32', device: 'wasm' });
      const rows = [];
      for (let i = 0; i < ${files.length}; i++)
        rows.push(Array.from((await extract('/' + i + '.picture')).data));
      return rows;
    })`);
  } finally {
    await browser.close();
    host.close();
  }
}
