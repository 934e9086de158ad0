/**
 * How many images a second does the loader give, and what bounds it?
 *
 *   npx jiti bench/loader.ts [--shards 'a-{000..009}.tar'] [--folder PATH] [--size 32] [--batch 512] [--workers 2] [--seconds 10]
 *
 * Without a source it makes JPEGs of 32 and of 256 pixels. Prints one JSON line and one line to read for each case.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { createLoader, openDataset, type SourceInput } from '../src/data/index.ts';

const { values } = parseArgs({
  options: {
    shards: { type: 'string' },
    classes: { type: 'string' },
    folder: { type: 'string' },
    size: { type: 'string', default: '0' },
    batch: { type: 'string', default: '512' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string', default: '8' },
    cache: { type: 'string' },
  },
});

interface Case {
  name: string;
  source: SourceInput;
  imageSize: number;
}

async function synthetic(folder: string, side: number, count: number): Promise<void> {
  mkdirSync(join(folder, 'noise'), { recursive: true });
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  for (let i = 0; i < count; i++) {
    const small = sharp({ create: { width: 16, height: 16, channels: 3, background: '#888', noise } });
    const jpeg = await sharp(await small.png().toBuffer())
      .resize(side, side, { kernel: 'cubic' })
      .jpeg()
      .toBuffer();
    writeFileSync(join(folder, 'noise', `${String(i).padStart(6, '0')}.jpg`), jpeg);
  }
}

async function cases(temporary: string): Promise<Case[]> {
  const imageSize = Number(values.size);
  const classNames = values.classes;
  if (values.shards) {
    const source = { type: 'webdataset', path: values.shards, classNames } as const;
    return [{ name: 'shards', source, imageSize: imageSize || 32 }];
  }
  if (values.folder)
    return [{ name: 'folder', source: { type: 'folder', path: values.folder }, imageSize: imageSize || 224 }];
  await synthetic(join(temporary, '32'), 32, 2048);
  await synthetic(join(temporary, '256'), 256, 512);
  return [
    { name: 'synthetic 32 px', source: { type: 'folder', path: join(temporary, '32') }, imageSize: 32 },
    { name: 'synthetic 256 px', source: { type: 'folder', path: join(temporary, '256') }, imageSize: 224 },
  ];
}

/** Images a second while whole epochs pass: first while decoding, then with what the cache holds. */
async function measure({ name, source, imageSize }: Case): Promise<void> {
  const opening = performance.now();
  const dataset = await openDataset([source]);
  const indexSeconds = (performance.now() - opening) / 1000;
  const globalBatchSize = Math.min(Number(values.batch), Math.ceil(dataset.size / 16));
  const loader = createLoader(dataset, {
    globalBatchSize,
    imageSize,
    transform: { type: 'random-resized-crop', flip: true },
    seed: 1,
    workers: Number(values.workers),
    prefetchBatches: 4,
    ...(values.cache && { cacheBytes: Number(values.cache) }),
  });
  (await loader.next()).release();
  // What was made ahead while the workers started is not counted.
  const epoch = Math.ceil(dataset.size / globalBatchSize);
  const firstEpoch = await speed(loader, globalBatchSize, epoch);
  const later = await speed(loader, globalBatchSize, 4 * epoch);
  await loader.close();
  const result = {
    name,
    workers: Number(values.workers),
    cores: availableParallelism(),
    imageSize,
    samples: dataset.size,
  };
  console.log(
    JSON.stringify({ ...result, index_seconds: indexSeconds, first_epoch: firstEpoch, later_epochs: later }),
  );
  const text = (speed: Speed) =>
    `${speed.images_per_second} images/s (${speed.cpu_microseconds_per_image} us of processor time each)`;
  console.log(
    `${name}, ${values.workers} workers: ${text(firstEpoch)} in the first epoch, ${text(later)} after it`,
  );
}

/** Time depends on what else runs; processor time tells what an image costs. */
interface Speed {
  images_per_second: number;
  cpu_microseconds_per_image: number;
}

async function speed(loader: ReturnType<typeof createLoader>, batch: number, most: number): Promise<Speed> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  let steps = 0;
  while (steps < most && (steps === 0 || performance.now() - start < Number(values.seconds) * 1000)) {
    (await loader.next()).release();
    steps++;
  }
  const { user, system } = process.cpuUsage(cpu);
  const images = steps * batch;
  const perSecond = Math.round(images / ((performance.now() - start) / 1000));
  return { images_per_second: perSecond, cpu_microseconds_per_image: Math.round((user + system) / images) };
}

const temporary = mkdtempSync(join(tmpdir(), 'couplet-bench-'));
try {
  for (const one of await cases(temporary)) await measure(one);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
