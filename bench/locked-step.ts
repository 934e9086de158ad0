/**
 * How many samples a second does training on a table of a frozen tower's features take, beside the whole step of CLIP? One process; a line
 * for each case, then JSON. The table, its draws and its captions are those of `data.hold: 'features'`; the pictures of the whole step
 * lie on the device already.
 *   node --import jiti/register bench/locked-step.ts --device cuda --precision bfloat16
 * A rehearsal: --model tiny --device cpu --batch 8 --large 16 --samples 64 --steps 2
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDataset } from '../src/data/index.ts';
import { createTokenizer } from '../src/data/tokenizer/tokenizer.ts';
import { heldFeaturesFeed } from '../src/feed/held-features.ts';
import type { Batch } from '../src/methods/index.ts';
import type { AnyClipSpec } from '../src/models/clip.ts';
import type { Freeze } from '../src/models/freeze.ts';
import { modelSpec } from '../src/models/registry.ts';
import { alone } from '../src/ranks/index.ts';
import { stepContextAt } from '../src/time/clock.ts';
import {
  backward,
  Generator,
  randn,
  resolveDevice,
  scope,
  setMatmulPrecision,
  synchronize,
} from '../src/torch/index.ts';
import { makeMethod, randomPairs } from './shared/fixture.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'ViT-B-16' },
    method: { type: 'string', default: 'clip' },
    device: { type: 'string', default: 'cpu' },
    precision: { type: 'string', default: 'float32' },
    batch: { type: 'string', default: '256' },
    large: { type: 'string', default: '4096' },
    /** Tokens of a short caption. */
    short: { type: 'string', default: '16' },
    /** Width of the heads' hidden layer. */
    hidden: { type: 'string', default: '2048' },
    samples: { type: 'string', default: '65536' },
    warmup: { type: 'string', default: '3' },
    steps: { type: 'string', default: '20' },
  },
});
const device = resolveDevice(flags.device as 'cpu');
const precision = flags.precision as 'float32' | 'bfloat16';
const [batch, large, short, samples] = [flags.batch, flags.large, flags.short, flags.samples].map(Number);
setMatmulPrecision('exact');
const model = modelSpec(flags.model);
const { contextLength, vocabSize } = model.text;

interface Case {
  what: string;
  batchSize: number;
  /** Of a caption. */
  tokens: number;
  freeze?: Freeze;
  /** Hidden width of a head of two layers behind each tower. */
  head?: number;
}

/** Captions of a picture that no step opens. */
const folder = mkdtempSync(join(tmpdir(), 'couplet-locked-'));
const rows = Array.from({ length: samples }, (_, id) => `none.jpg,caption ${id}`);
writeFileSync(join(folder, 'none.jpg'), '');
writeFileSync(join(folder, 'pairs.csv'), `${['filepath,title', ...rows].join('\n')}\n`);
const dataset = await openDataset([{ type: 'manifest', path: join(folder, 'pairs.csv') }]);

/** Captions of random words, which end after `count` tokens. */
function captions(count: number): Int32Array {
  const tokens = new Int32Array(samples * contextLength);
  for (let id = 0; id < samples; id++) {
    const row = tokens.subarray(id * contextLength, id * contextLength + count);
    row.forEach((_, place) => {
      row[place] = 1 + ((id * 7919 + place * 104729) % (vocabSize - 3));
    });
    row[count - 1] = vocabSize - 1;
  }
  return tokens;
}

const withHeads = (hidden: number): AnyClipSpec => {
  const head = { layers: 2, hidden };
  return { ...model, image: { ...model.image, head }, text: { ...model.text, head } };
};

const table = () =>
  randn([samples, model.embedDim], new Generator('cpu', 1)).to('float16').toDevice(device).persist();

async function measure({ what, batchSize, tokens, freeze, head }: Case) {
  const { method, optimizer } = makeMethod({
    name: flags.method,
    model: head ? withHeads(head) : model,
    batchSize,
    datasetSize: samples,
    device,
    precision,
    ...(freeze && { freeze }),
  });
  const [image, text] = scope(() => [table(), table()]);
  const feed = await heldFeaturesFeed({
    config: {
      seed: 0,
      method: { name: flags.method },
      batch: { globalBatchSize: batchSize },
      data: {
        crop: { scale: [1, 1], ratio: [1, 1], interpolation: 'bicubic' },
        flip: false,
        hold: 'features',
        prefetchBatches: 4,
        maxBadShare: 0,
      },
    },
    dataset,
    model,
    device,
    ranks: alone,
    workers: 1,
    tokenizer: createTokenizer({ type: 'clip', contextLength }),
    startStep: 0,
    holdFeatures: async () => ({
      image,
      ...(freeze?.text && {
        text: { table: text, rowsOf: (places) => BigInt64Array.from(places, ({ id }) => BigInt(id)) },
      }),
      sizes: new Int32Array(samples * 2).fill(1),
      tokens: captions(tokens),
      problems: { count: 0, first: [] },
      dispose: () => image.dispose(),
    }),
  });
  const pictures = freeze
    ? undefined
    : randomPairs(model, { batchSize, device, generator: new Generator('cpu', 1) });
  const train = (next: Batch, index: number) => {
    const clock = stepContextAt(index, {
      totalSteps: 1000,
      globalBatchSize: batchSize,
      datasetSize: samples,
    });
    const { loss, next: state } = method.loss(method.features(next, clock), next.ids, clock);
    backward(loss);
    optimizer.step({ lr: 1e-4 });
    method.commit(state, clock);
  };
  let start = 0;
  const [warmup, steps] = [Number(flags.warmup), Number(flags.steps)];
  for (let index = 0; index < warmup + steps; index++) {
    if (index === warmup) {
      synchronize(device);
      start = performance.now();
    }
    if (pictures) scope(() => train(pictures, index));
    else {
      const pending = await feed.next();
      scope(() => train(pending.toDevice(), index));
      pending.release();
    }
  }
  synchronize(device);
  const milliseconds = (performance.now() - start) / steps;
  await feed.close();
  text.dispose();
  for (const tensor of pictures ? [...pictures.views, pictures.tokens, pictures.ids] : []) tensor.dispose();
  optimizer.dispose();
  method.dispose();
  return {
    what,
    batchSize,
    tokens,
    msPerStep: milliseconds,
    samplesPerSecond: (1000 * batchSize) / milliseconds,
  };
}

const locked: Freeze = { image: 'all' };
const cases: Case[] = [
  { what: 'whole step', batchSize: batch, tokens: contextLength },
  ...[batch, large].flatMap((batchSize) =>
    [contextLength, short].map((tokens) => ({
      what: 'locked image tower',
      batchSize,
      tokens,
      freeze: locked,
    })),
  ),
  {
    what: 'both locked, heads',
    batchSize: large,
    tokens: contextLength,
    freeze: { image: 'all', text: 'all' },
    head: Number(flags.hidden),
  },
];
const measured = [];
for (const each of cases) {
  const result = await measure(each);
  measured.push(result);
  const ratio = result.samplesPerSecond / measured[0].samplesPerSecond;
  console.log(
    `${result.what}, batch ${result.batchSize}, ${result.tokens} tokens: ${result.samplesPerSecond.toFixed(0)} samples/s, ${result.msPerStep.toFixed(2)} ms a step, ${ratio.toFixed(1)} x`,
  );
}
console.log(JSON.stringify({ ...flags, device, measured }));
dataset.close();
rmSync(folder, { recursive: true });
