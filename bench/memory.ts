/**
 * Does a training step leak? Live tensors and resident memory over many steps of the CLIP ViT-S/16 step of bench/step.ts.
 *   node --import jiti/register bench/memory.ts [STEPS=500] [BATCH=2] [float32|bfloat16]
 * Prints a line each 50 steps, and one JSON line last.
 */
import { clipModels } from '../src/models/registry.ts';
import { stepContextAt } from '../src/time/clock.ts';
import { backward, Generator, memoryStats, scope } from '../src/torch/index.ts';
import { makeMethod, randomPairs } from './shared/fixture.ts';

const steps = Number(process.argv[2] ?? 500);
const batchSize = Number(process.argv[3] ?? 2);
const precision = (process.argv[4] ?? 'bfloat16') as 'float32' | 'bfloat16';
const named = clipModels['ViT-S-16'];
const model = { ...named, image: { ...named.image, imageSize: 112 } };
const { method, optimizer } = makeMethod({ name: 'fastclip', model, batchSize, device: 'cpu', precision });
const generator = new Generator('cpu', 1);
const seen: { step: number; live: number; rss: number }[] = [];
for (let step = 1; step <= steps; step++) {
  scope(() => {
    const batch = randomPairs(model, { batchSize, device: 'cpu', generator });
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
