/**
 * How many images a second does the loader give, and how many come from pictures that the device holds?
 *
 *   node --import jiti/register bench/loader.ts [--shards 'a-{000..009}.tar'] [--folder PATH] [--size 32] [--views 1] [--batch 512]
 *     [--workers 2] [--seconds 10] [--device auto]
 *
 * Without a source it makes JPEGs of 32, 64 and 256 pixels. Prints one JSON line and one line to read for each case: the loader's
 * pictures in the first epoch and with what its cache holds, and the same views on the device, through the loader and from pictures
 * that are held there. Photometric steps are left out: they are the same for both (bench/augmentation.ts).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { createLoader, type Dataset, type Loader, openDataset, type SourceInput } from '../src/data/index.ts';
import { viewToDevice } from '../src/feed/upload.ts';
import { batchCrops } from '../src/on-device/batch-crops.ts';
import { loadDatasetOnDevice } from '../src/on-device/dataset-on-device.ts';
import { drawStep } from '../src/on-device/step-draws.ts';
import { resolveDevice, scope, setMatmulPrecision, synchronize } from '../src/torch/index.ts';
import type { ViewRecipe } from '../src/views/index.ts';

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
    views: { type: 'string' },
    device: { type: 'string', default: 'auto' },
  },
});
const device = resolveDevice(values.device);
setMatmulPrecision('exact');

interface Case {
  name: string;
  source: SourceInput;
  imageSize: number;
  views: number;
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
  const views = Number(values.views ?? 1);
  const classNames = values.classes;
  if (values.shards) {
    const source = { type: 'webdataset', path: values.shards, classNames } as const;
    return [{ name: 'shards', source, imageSize: imageSize || 32, views }];
  }
  if (values.folder)
    return [
      {
        name: 'folder',
        source: { type: 'folder', path: values.folder },
        imageSize: imageSize || 224,
        views,
      },
    ];
  const made = async (
    side: number,
    count: number,
    what: Pick<Case, 'imageSize' | 'views'>,
  ): Promise<Case> => {
    const path = join(temporary, String(side));
    await synthetic(path, side, count);
    return { name: `synthetic ${side} px`, source: { type: 'folder', path }, ...what };
  };
  return [
    await made(32, 2048, { imageSize: 32, views }),
    await made(64, 8192, { imageSize: 64, views: Number(values.views ?? 2) }),
    await made(256, 512, { imageSize: 224, views }),
  ];
}

/** Images a second while whole epochs pass: first while decoding, then with what the cache holds. */
async function measure({ name, source, imageSize, views }: Case): Promise<void> {
  const opening = performance.now();
  const dataset = await openDataset([source]);
  const indexSeconds = (performance.now() - opening) / 1000;
  const globalBatchSize = Math.min(Number(values.batch), Math.ceil(dataset.size / 16));
  const recipes = Array.from({ length: views }, () => recipeOf(imageSize));
  const loader = createLoader(dataset, {
    globalBatchSize,
    views: recipes,
    seed: 1,
    workers: Number(values.workers),
    prefetchBatches: 4,
    ...(values.cache && { cacheBytes: Number(values.cache) }),
  });
  (await loader.next()).release();
  // What was made ahead while the workers started is not counted.
  const epoch = Math.ceil(dataset.size / globalBatchSize);
  const batches = { size: globalBatchSize, most: 4 * epoch };
  const firstEpoch = await speed(() => drop(loader), { ...batches, most: epoch });
  const later = await speed(() => drop(loader), batches);
  const uploaded = await speed(() => upload(loader), batches);
  await loader.close();
  const held = await speedHeld(dataset, { recipes, ...batches });
  const result = {
    name,
    device,
    workers: Number(values.workers),
    cores: availableParallelism(),
    imageSize,
    views,
    samples: dataset.size,
  };
  console.log(
    JSON.stringify({
      ...result,
      index_seconds: indexSeconds,
      first_epoch: firstEpoch,
      later_epochs: later,
      on_device: uploaded,
      held,
    }),
  );
  const text = (speed: Speed) =>
    `${speed.images_per_second} images/s (${speed.cpu_microseconds_per_image} us of processor time each)`;
  console.log(
    `${name}, ${values.workers} workers: ${text(firstEpoch)} in the first epoch, ${text(later)} after it; ${uploaded.images_per_second} on ${device}; ${held.images_per_second} from what it holds`,
  );
}

/** MoCo v3's crop and flip. */
const recipeOf = (size: number): ViewRecipe => ({
  size,
  crop: { scale: [0.2, 1], ratio: [3 / 4, 4 / 3], interpolation: 'bicubic' },
  flip: 0.5,
});

async function drop(loader: Loader): Promise<void> {
  (await loader.next()).release();
}

async function upload(loader: Loader): Promise<void> {
  const batch = await loader.next();
  scope(() => void batch.views.map((view) => viewToDevice(view, device)));
  batch.release();
}

async function speedHeld(
  dataset: Dataset,
  { recipes, ...batches }: { recipes: ViewRecipe[]; size: number; most: number },
): Promise<Speed & { hold_seconds: number; host_ms_per_batch: number }> {
  const start = performance.now();
  const maxSide = 2 * recipes[0]!.size;
  const held = await loadDatasetOnDevice(dataset, { device, maxSide, workers: Number(values.workers) });
  const holdSeconds = (performance.now() - start) / 1000;
  const drawn = { sizes: held.sizes, side: held.images.shape[1]!, recipes, seed: 1 };
  let position = 0;
  let hostMs = 0;
  let steps = 0;
  const step = async () => {
    const before = performance.now();
    const draws = drawStep(drawn, { position, count: batches.size });
    scope(() => void batchCrops(held, draws, { recipes }));
    position += batches.size;
    hostMs += performance.now() - before;
    if (++steps % 8 === 0) synchronize(device); // a training step would not run further ahead
  };
  await step();
  const found = await speed(step, batches);
  held.dispose();
  return { ...found, hold_seconds: holdSeconds, host_ms_per_batch: hostMs / steps };
}

/** Time depends on what else runs; processor time tells what an image costs. */
interface Speed {
  images_per_second: number;
  cpu_microseconds_per_image: number;
}

/** @param batches.size samples of a step, @param batches.most steps at most */
async function speed(
  step: () => Promise<void>,
  { size, most }: { size: number; most: number },
): Promise<Speed> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  let steps = 0;
  while (steps < most && (steps === 0 || performance.now() - start < Number(values.seconds) * 1000)) {
    await step();
    steps++;
  }
  synchronize(device);
  const { user, system } = process.cpuUsage(cpu);
  const images = steps * size;
  const perSecond = Math.round(images / ((performance.now() - start) / 1000));
  return { images_per_second: perSecond, cpu_microseconds_per_image: Math.round((user + system) / images) };
}

const temporary = mkdtempSync(join(tmpdir(), 'couplet-bench-'));
try {
  for (const one of await cases(temporary)) await measure(one);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
