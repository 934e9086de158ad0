/**
 * How many kernels does each part of a training step launch? Small steps on a GPU take as long as their launches: some 5 to 10 us each.
 *   node --import jiti/register bench/launches.ts --methods clip,fastclip --batch 32 --detail loss
 * Counted on the CPU (src/torch/counting.ts), of a small ViT and pictures that are held: one row for each method. `features` and what pulls
 * them back are replayed as CUDA graphs where a run asks for them; the rest, `launched`, is launched op by op in every step.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parseConfig, type RunConfigInput } from '../src/config/index.ts';
import { openFeed } from '../src/feed/index.ts';
import { type Features, findMethod, methods } from '../src/methods/index.ts';
import { BatchStatistics } from '../src/nn/batch-norm.ts';
import { clipEachGradNorm, clipGradNorm } from '../src/optim/index.ts';
import { alone } from '../src/ranks/index.ts';
import { buildRun, openTrainData } from '../src/run/build.ts';
import { planOf } from '../src/run/plan.ts';
import { prepareProcess } from '../src/run/process.ts';
import { resolveConfig } from '../src/run/resolve.ts';
import { backward, countLaunches, gradients, gradsOf, scope, setGrads } from '../src/torch/index.ts';
import { smallOptions } from '../tests/contract/small-options.ts';

const { values: flags } = parseArgs({
  options: {
    methods: { type: 'string', default: Object.keys(methods).join() },
    batch: { type: 'string', default: '32' },
    options: { type: 'string', default: '{}' },
    /** A part whose ops are listed by name. */
    detail: { type: 'string' },
  },
});
const PICTURES = 2 * Number(flags.batch);

const total = (launches: ReadonlyMap<string, number>) =>
  [...launches.values()].reduce((sum, count) => sum + count, 0);

async function writePictures(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const rows = Array.from({ length: PICTURES }, async (_, i) => {
    const background = { r: (i * 37) % 256, g: (i * 91) % 256, b: (i * 13) % 256 };
    await sharp({ create: { width: 64, height: 64, channels: 3, background } })
      .png()
      .toFile(join(folder, `${i}.png`));
    return `${i}.png,picture number ${i}`;
  });
  const path = join(folder, 'pictures.csv');
  await writeFile(path, ['image,caption', ...(await Promise.all(rows))].join('\n'));
  return path;
}

const image = { imageSize: 48, patchSize: 12, width: 64, layers: 2, heads: 2, pool: 'mean' } as const;
const text = { contextLength: 16, width: 64, heads: 2, layers: 1 };
/** Heads that a CPU takes in its stride; their sizes change no count. */
const SIZES = {
  projector: { embedDim: 128 },
  heads: { hidden: 64, embedDim: 32 },
  head: { hidden: 64, embedDim: 32, outputs: 64 },
  localCrops: { count: 4 },
};

const configOf = (name: string, path: string): RunConfigInput =>
  ({
    name,
    device: 'cpu',
    threads: 1,
    model: { embedDim: 32, image, text },
    method: {
      name,
      ...smallOptions(name, SIZES),
      ...(JSON.parse(flags.options) as Record<string, object>)[name],
    },
    data: {
      train: { type: 'manifest', path },
      tokenizer: { type: 'bpe', vocabSize: 520 },
      hold: 'device',
      workers: 1,
    },
    batch: { globalBatchSize: Number(flags.batch) },
    duration: { epochs: 10 },
    // A method that clips each gradient by default clips no norm of all.
    optimizer: findMethod(name).defaults?.optimizer?.clipEachGradNorm ? {} : { clipGradNorm: 1 },
  }) as unknown as RunConfigInput;

/** Counts of the parts of one step, by name. */
async function countStep(name: string, folder: string): Promise<Map<string, Map<string, number>>> {
  const config = parseConfig(configOf(name, join(folder, 'pictures.csv')));
  const device = prepareProcess(config);
  const dataset = await openTrainData(config);
  const plan = planOf(resolveConfig(config), dataset.size);
  const parts = await buildRun(plan, {
    runDir: join(folder, name),
    dataset,
    device,
    ranks: alone,
    startsAnew: true,
  });
  const feed = await openFeed({ ...parts, workers: 1, startStep: 0 });
  const { method, optimizer } = parts;
  const params = [...method.params.values()];
  const found = new Map<string, Map<string, number>>();
  const part = <T>(which: string, body: () => T): T => {
    const { result, launches } = countLaunches(body);
    found.set(which, launches);
    return result;
  };
  // The first steps make what is kept; the last is the one that counts.
  for (let step = 0; step < 3; step++) {
    const served = await feed.next();
    const clock = plan.contextAt(step);
    scope(() => {
      const batch = part('data', () => served.toDevice());
      const statistics = new BatchStatistics();
      const next = statistics.during(() => {
        const features = part('features', () => method.features(batch, clock));
        const learned = Object.keys(features).filter((key) => features[key].requiresGrad);
        const leaves: Features = { ...features };
        for (const key of learned) leaves[key] = features[key].detach().requireGrad();
        const { loss, next } = part('loss', () => method.loss(leaves, batch.ids, clock));
        part('loss back', () => backward(loss));
        const pulls = gradsOf(learned.map((key) => leaves[key])).map((pull) => pull!);
        const outputs = learned.map((key) => features[key]);
        const grads = part('features back', () => gradients(outputs, params, pulls));
        const reached = params.flatMap((param, i) => (grads[i] ? [[param, grads[i]] as const] : []));
        setGrads(
          reached.map(([param]) => param),
          reached.map(([, grad]) => grad),
        );
        return next;
      });
      part('clip', () => {
        const { clipGradNorm: bound, clipEachGradNorm: each } = config.optimizer;
        if (each !== undefined) clipEachGradNorm(params, each);
        if (bound !== undefined) clipGradNorm(params, bound);
      });
      part('optimizer', () => optimizer.step({ lr: clock.lr }));
      part('commit', () => {
        method.commit(next, clock);
        statistics.commit();
      });
    });
    served.release();
  }
  await feed.close();
  method.dispose();
  optimizer.dispose();
  dataset.close();
  return found;
}

const folder = await mkdtemp(join(tmpdir(), 'launches-'));
try {
  await writePictures(folder);
  const PARTS = ['data', 'loss', 'loss back', 'clip', 'optimizer', 'commit', 'features', 'features back'];
  console.log(['method', ...PARTS.slice(0, 6), 'launched', ...PARTS.slice(6)].join(' | '));
  for (const name of flags.methods.split(',')) {
    const found = await countStep(name, folder);
    const counts = PARTS.map((which) => total(found.get(which)!));
    const each = counts.slice(0, 6);
    const sum = each.reduce((all, count) => all + count);
    console.log([name, ...each, sum, ...counts.slice(6)].join(' | '));
    const detail = [...((flags.detail && found.get(flags.detail)) || [])];
    for (const [op, count] of detail.sort(([, a], [, b]) => b - a)) console.log(`    ${count} ${op}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
