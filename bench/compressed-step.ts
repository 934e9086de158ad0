/**
 * How long is a training step on shortened sequences, and how long by the cost model (src/compress/cost.ts)? Pictures are on the device.
 * Needs a GPU.
 *   node --import jiti/register bench/compressed-step.ts --device cuda --batch 256 --methods simclr,moco-v3 --dropout 0,0.25,0.5,0.75,0.9
 * One JSON line for each; `predicted` and `measured` are shares of the whole sequence's step.
 */
import { parseArgs } from 'node:util';
import type { Compression } from '../src/compress/index.ts';
import type { Batch } from '../src/methods/index.ts';
import { modelSpec } from '../src/models/registry.ts';
import { alone, nothingToAverage } from '../src/ranks/index.ts';
import { StepGraphs } from '../src/step/graphs/step-graphs.ts';
import { trainStep } from '../src/step/step.ts';
import { stepContextAt } from '../src/time/clock.ts';
import {
  arange,
  Generator,
  memoryStats,
  rand,
  resolveDevice,
  scope,
  setMatmulPrecision,
  synchronize,
  type Tensor,
  zeros,
} from '../src/torch/index.ts';
import { makeMethod } from './shared/fixture.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'ViT-B-16' },
    'image-size': { type: 'string', default: '224' },
    'patch-size': { type: 'string' },
    batch: { type: 'string', default: '256' },
    methods: { type: 'string', default: 'simclr,moco-v3' },
    dropout: { type: 'string', default: '0,0.25,0.5,0.75,0.9' },
    patches: { type: 'string', default: '' },
    graphs: { type: 'string', default: 'no' },
    device: { type: 'string', default: 'auto' },
    precision: { type: 'string', default: 'bfloat16' },
    warmup: { type: 'string', default: '4' },
    steps: { type: 'string', default: '10' },
    options: { type: 'string', default: '{}' },
  },
});
const device = resolveDevice(flags.device);
const batchSize = Number(flags.batch);
const imageSize = Number(flags['image-size']);
const { image: named } = modelSpec(flags.model);
if (named.type === 'resnet') throw new Error('a ViT is needed');
const patchSize = Number(flags['patch-size'] ?? named.patchSize);
const image = { ...named, imageSize, patchSize, positionEmbedding: 'sincos' as const };
setMatmulPrecision('exact');

const generator = new Generator(device, 1);
const numbers = (text: string) => (text === '' ? [] : text.split(',').map(Number));
const compressions: Compression[] = [
  ...numbers(flags.dropout).map((tokenDropout) => ({ tokenDropout, patchSize })),
  ...numbers(flags.patches).map((side) => ({ tokenDropout: 0, patchSize: side })),
];

for (const name of flags.methods.split(',')) {
  const model = { image };
  const precision = flags.precision as 'float32' | 'bfloat16';
  const { [name]: given } = JSON.parse(flags.options) as Record<string, object>;
  const fixture = { name, options: given, model, batchSize, device, precision };
  const { definition, options, method, optimizer } = makeMethod(fixture);
  const crop = { scale: [0.08, 1], ratio: [0.75, 1.33], interpolation: 'bicubic' } as const;
  const recipes = definition.views({
    options,
    imageSize,
    data: { crop: { ...crop, scale: [...crop.scale], ratio: [...crop.ratio] }, flip: true },
  });
  const batch: Batch = scope(() => ({
    views: recipes.map(
      ({ size }) => rand([batchSize, size, size, 3], generator).mul(255).to('uint8') as Tensor,
    ),
    tokens: zeros([batchSize, 0], { dtype: 'int32', device }),
    ids: arange(0, batchSize, { device }),
    rows: { first: 0, total: batchSize },
  }));
  let whole: { ms: number; cost: number } | undefined;
  for (const compression of compressions) {
    const cost = definition.cost({ options, model, compression });
    const graphs = flags.graphs === 'yes' ? new StepGraphs(method) : undefined;
    const step = (index: number) => {
      const size = { totalSteps: 1000, globalBatchSize: batchSize, datasetSize: 4 * batchSize };
      const context = stepContextAt(index, { ...size, lr: () => 1e-4, compression: () => compression });
      const parts = {
        method,
        optimizer,
        averager: nothingToAverage,
        ranks: alone,
        ...(graphs && { graphs }),
      };
      const config = { batch: { globalBatchSize: batchSize, gradAccumSteps: 1 }, optimizer: {} as never };
      trainStep({ ...parts, config }, batch, context, { log: false });
    };
    for (let i = 0; i < Number(flags.warmup); i++) step(i);
    synchronize(device);
    const start = performance.now();
    for (let i = 0; i < Number(flags.steps); i++) step(i);
    synchronize(device);
    const ms = (performance.now() - start) / Number(flags.steps);
    whole ??= { ms, cost };
    console.log(
      JSON.stringify({
        ...{ method: name, ...compression, graphs: flags.graphs, batch: batchSize, imageSize },
        ...{ cost, ms_per_step: ms, samples_per_second: (1000 * batchSize) / ms },
        ...{ predicted: cost / whole.cost, measured: ms / whole.ms },
        memory: memoryStats().cuda?.peak,
      }),
    );
    graphs?.dispose();
  }
  method.dispose();
  optimizer.dispose();
}
