/**
 * Does a training step leak? Live tensors and resident memory over many steps of the CLIP ViT-S/16 step of bench/step.ts.
 *   node --import jiti/register bench/memory.ts [STEPS=500] [BATCH=2] [float32|bfloat16]
 * Prints a line each 50 steps, and one JSON line last.
 */

import { findMethod } from '../src/methods/index.ts';
import { clipModels } from '../src/models/registry.ts';
import { AdamW, decayGroups } from '../src/optim/index.ts';
import { alone } from '../src/ranks/index.ts';
import { stepContextAt } from '../src/time/clock.ts';
import { arange, backward, Generator, memoryStats, rand, scope, tensor } from '../src/torch/index.ts';

const steps = Number(process.argv[2] ?? 500);
const batchSize = Number(process.argv[3] ?? 2);
const precision = (process.argv[4] ?? 'bfloat16') as 'float32' | 'bfloat16';
const named = clipModels['ViT-S-16'];
const model = { ...named, image: { ...named.image, imageSize: 112 } };
const definition = findMethod('fastclip');
const adam = { beta1: 0.9, beta2: 0.98, eps: 1e-6 };
const method = definition.create({
  options: definition.options.parse({ name: 'fastclip' }),
  ...{ model, datasetSize: 4 * batchSize, seed: 0, device: 'cpu', precision, ranks: alone },
  pixels: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  optimizer: { peakLr: 1e-4, ...adam },
});
const optimizer = new AdamW(decayGroups(method.params, 0.1), adam);
const generator = new Generator('cpu', 1);
const seen: { step: number; live: number; rss: number }[] = [];
for (let step = 1; step <= steps; step++) {
  scope(() => {
    const images = rand([batchSize, 112, 112, 3], generator).mul(255).to('uint8');
    const words = rand([batchSize, 77], generator).mul(49000).to('int32').toArray() as Int32Array;
    const batch = {
      views: [images],
      tokens: tensor(words, [batchSize, 77]),
      ids: arange(0, batchSize),
      rows: { first: 0, total: batchSize },
    };
    const clock = stepContextAt(step, {
      totalSteps: steps,
      globalBatchSize: batchSize,
      datasetSize: 4 * batchSize,
    });
    const { loss, next } = method.loss(method.features(batch, clock), batch.ids, clock);
    backward(loss);
    optimizer.step({ lr: 1e-4 });
    method.commit(next, clock);
  });
  if (step % 50 === 0) {
    seen.push({ step, live: memoryStats().liveTensors, rss: process.memoryUsage.rss() });
    const { live, rss } = seen.at(-1)!;
    console.error(`step ${step}: ${live} live tensors, ${(rss / 2 ** 20).toFixed(1)} MiB resident`);
  }
}
const [first, last] = [seen[0], seen.at(-1)!];
console.log(
  JSON.stringify({
    bench: 'memory',
    steps,
    batchSize,
    precision,
    live: [...new Set(seen.map(({ live }) => live))],
    growth: last.rss / first.rss - 1,
  }),
);
