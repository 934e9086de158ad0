/**
 * How long is one training step of CLIP (forward, loss, backward, AdamW)? One process, one JSON line.
 * Part of bench/compare-step.ts and bench/gpu.ts.
 *   node --import jiti/register bench/step.ts --model ViT-S-16 --image-size 112 --batch 64 --device cpu --precision float32 --steps 5
 * bench/step.py is the same step in PyTorch.
 */
import { parseArgs } from 'node:util';
import type { AnyClipSpec } from '../src/models/clip.ts';
import { modelSpec } from '../src/models/registry.ts';
import { deviceOfRank, openRanks, ranksFromEnvironment } from '../src/ranks/index.ts';
import { stepContextAt } from '../src/time/clock.ts';
import {
  cudaCount,
  Generator,
  memoryStats,
  resolveDevice,
  scope,
  setMatmulPrecision,
  setThreads,
  synchronize,
} from '../src/torch/index.ts';
import * as ops from '../src/torch/ops.ts';
import { makeMethod, randomPairs } from './shared/fixture.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'ViT-S-16' },
    'image-size': { type: 'string', default: '224' },
    batch: { type: 'string', default: '64' },
    method: { type: 'string', default: 'clip' },
    device: { type: 'string', default: 'cpu' },
    precision: { type: 'string', default: 'float32' },
    warmup: { type: 'string', default: '2' },
    steps: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
  },
});
const batchSize = Number(flags.batch);
const precision = flags.precision as 'float32' | 'bfloat16';
const place = ranksFromEnvironment();
const device = resolveDevice(deviceOfRank(flags.device, place, cudaCount()));
const ranks = openRanks({ device, place });
setThreads(Number(flags.threads));
setMatmulPrecision('exact');

const named = modelSpec(flags.model);
const model: AnyClipSpec = { ...named, image: { ...named.image, imageSize: Number(flags['image-size']) } };
const fixture = { name: flags.method, model, batchSize, device, precision, ranks };
const { method, optimizer } = makeMethod(fixture);
const averager = ranks.averager(new Map([...method.params].filter(([, tensor]) => tensor.requiresGrad)));

const batch = randomPairs(model, { batchSize, device, generator: new Generator('cpu', 1), ranks });

function step(index: number): void {
  const clock = stepContextAt(index, {
    totalSteps: 1000,
    globalBatchSize: batchSize,
    datasetSize: 4 * batchSize,
  });
  scope(() => {
    const { loss, next } = method.loss(method.features(batch, clock), batch.ids, clock);
    averager.backward(loss);
    optimizer.step({ lr: 1e-4 });
    method.commit(next, clock);
  });
}

const times: number[] = [];
const warmup = Number(flags.warmup);
for (let i = 0; i < warmup + Number(flags.steps); i++) {
  const start = performance.now();
  step(i);
  // On a GPU the host may run ahead as it does in training: only the whole is timed.
  if (device === 'cpu') times.push(performance.now() - start);
  else if (i === warmup - 1) {
    synchronize(device);
    times.length = 0;
    times.push(performance.now());
  }
}
let median: number;
if (device === 'cpu') {
  const kept = times.slice(warmup).sort((a, b) => a - b);
  median = kept[Math.floor(kept.length / 2)];
} else {
  synchronize(device);
  median = (performance.now() - times[0]) / Number(flags.steps);
}
const start = stepContextAt(0, { totalSteps: 1, globalBatchSize: batchSize, datasetSize: batchSize });
const probe = scope(() => method.loss(method.features(batch, start), batch.ids, start).metrics().loss.item());
if (ranks.rank === 0)
  console.log(
    JSON.stringify({
      what: 'couplet',
      ...flags,
      ms_per_step: median,
      loss: probe,
      flash: ops.has('aten::scaled_dot_product_attention'),
      ranks: ranks.worldSize,
      samples_per_second: (1000 * batchSize * ranks.worldSize) / median,
      memory: memoryStats(),
    }),
  );
ranks.close();
