/**
 * How fast does `couplet embed` go, as a share of the forward pass alone?
 *
 *   node --import jiti/register bench/embed.ts [--model ViT-B-16] [--pictures 20000] [--precision bfloat16] [--device auto]
 *
 * Makes JPEGs of 112 pixels, which stay decoded in files (data.cache), and a run of one step. The forward pass alone takes batches of the same size that lie on the device. The
 * loader alone decodes and cuts the same pictures. Prints pictures a second of each.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parseConfig } from '../src/config/index.ts';
import { openDataset } from '../src/data/index.ts';
import { embedSource } from '../src/embed/index.ts';
import { batchesOf, microBatchSize } from '../src/evaluate/features.ts';
import { loadRun } from '../src/run/load-run.ts';
import * as torch from '../src/torch/index.ts';
import { train } from '../src/train.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'ViT-B-16' },
    pictures: { type: 'string', default: '20000' },
    precision: { type: 'string', default: 'bfloat16' },
    device: { type: 'string', default: 'auto' },
  },
});
const count = Number(values.pictures);
const FORWARD_SECONDS = 6;

const folder = mkdtempSync(join(tmpdir(), 'bench-embed-'));
try {
  await measure();
} finally {
  rmSync(folder, { recursive: true });
}

async function measure(): Promise<void> {
  await makePictures();
  const { device, precision, model } = values;
  const config = parseConfig({
    name: 'run',
    device,
    precision: precision as 'bfloat16',
    model: model as 'ViT-B-16',
    method: { name: 'clip' },
    batch: { globalBatchSize: 8 },
    duration: { steps: 1 },
    optimizer: { peakLr: 1e-4 },
    data: {
      train: { type: 'manifest', path: join(folder, 'pairs.csv') },
      hold: 'device',
      cache: join(folder, 'cache'),
      tokenizer: { type: 'bpe', vocabSize: 520 },
    },
  });
  const { runDir } = await train(config, { runsDir: folder });
  const source = { type: 'folder', path: join(folder, 'pictures') } as const;
  const run = await loadRun(runDir);
  const batch = microBatchSize(run.imageSize);
  const forward = forwardSpeed(run, batch);
  await loaderSpeed(run, source); // decodes
  const loader = await loaderSpeed(run, source);
  run.close();
  let start = 0;
  const { rows } = await embedSource(runDir, source, {
    out: join(folder, 'out'),
    // From the first batch on: loading the run and indexing are left out.
    onEvent: ({ type }) => {
      if (type === 'start') start = performance.now();
    },
  });
  const embed = (1000 * rows) / (performance.now() - start);
  const best = Math.min(forward, loader);
  console.log(
    `${model} in ${precision} on ${run.device}, batches of ${batch}, ${run.workers} workers, ${rows} pictures`,
  );
  console.log(`forward pass alone  ${forward.toFixed(0)} pictures/s`);
  console.log(`loader alone        ${loader.toFixed(0)} pictures/s`);
  console.log(
    `couplet embed       ${embed.toFixed(0)} pictures/s, ${(embed / forward).toFixed(3)} of the forward pass, ${(embed / best).toFixed(3)} of the slower of both`,
  );
}

async function makePictures(): Promise<void> {
  mkdirSync(join(folder, 'pictures'));
  const distinct = 64;
  const name = (index: number) => join(folder, 'pictures', `${String(index).padStart(6, '0')}.jpg`);
  for (let index = 0; index < distinct; index++) {
    const pixels = Uint8Array.from(
      { length: 112 * 112 * 3 },
      (_, i) => 128 + 90 * Math.sin((i % 336) / 60 + index) * Math.cos(i / 336 / (20 + index)),
    );
    await sharp(pixels, { raw: { width: 112, height: 112, channels: 3 } })
      .jpeg({ quality: 85 })
      .toFile(name(index));
  }
  for (let index = distinct; index < count; index++) copyFileSync(name(index % distinct), name(index));
  const lines = Array.from(
    { length: distinct },
    (_, index) => `pictures/${String(index).padStart(6, '0')}.jpg,picture ${index}`,
  );
  writeFileSync(join(folder, 'pairs.csv'), `filepath,title\n${lines.join('\n')}\n`);
}

type Run = Awaited<ReturnType<typeof loadRun>>;

function forwardSpeed({ method, device, imageSize }: Run, batch: number): number {
  const images = torch.zeros([batch, imageSize, imageSize, 3], { dtype: 'uint8', device });
  const step = () => torch.noGrad(() => torch.scope(() => void method.encodeImages(images)));
  for (let warm = 0; warm < 5; warm++) step();
  torch.synchronize(device);
  const start = performance.now();
  let done = 0;
  // Not too far ahead of the device, or the time of the queue is left out.
  while (performance.now() - start < 1000 * FORWARD_SECONDS) {
    for (let i = 0; i < 20; i++) step();
    torch.synchronize(device);
    done += 20 * batch;
  }
  images.dispose();
  return (1000 * done) / (performance.now() - start);
}

async function loaderSpeed(run: Run, source: Parameters<typeof embedSource>[1]): Promise<number> {
  const dataset = await openDataset([source].flat() as Parameters<typeof openDataset>[0]);
  const start = performance.now();
  let done = 0;
  for await (const batch of batchesOf(dataset, run, { texts: false })) {
    done += batch.size;
    batch.release();
  }
  dataset.close();
  return (1000 * done) / (performance.now() - start);
}
