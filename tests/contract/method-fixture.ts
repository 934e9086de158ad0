// A method small enough to run a hundred times, and batches that depend on the step alone.
import { alone, type Ranks } from '../../src/dist/index.ts';
import { type Batch, findMethod, type Method } from '../../src/methods/index.ts';
import { AdamW, decayGroups } from '../../src/optim/index.ts';
import { type Clock, clockAt } from '../../src/schedules.ts';
import { backward, scope, Tensor, tensor } from '../../src/torch/index.ts';
import type { ViewRecipe } from '../../src/views/recipe.ts';
import { int64, uniform } from './numbers.ts';

export const DATASET = 20;
export const BATCH = 6;
const IMAGE = 16;
const LENGTH = 6;
const VOCABULARY = 32;
const OPTIMIZER = { peakLr: 3e-3, beta1: 0.9, beta2: 0.98, eps: 1e-6 };

const MODEL = {
  embedDim: 8,
  image: {
    imageSize: IMAGE,
    patchSize: 8,
    width: 16,
    layers: 1,
    heads: 2,
    mlpRatio: 2,
    pool: 'class',
    positionEmbedding: 'learned',
  },
  text: { contextLength: LENGTH, vocabSize: VOCABULARY, width: 16, heads: 2, layers: 1 },
} as const;

export function makeMethod(
  name: string,
  {
    seed = 1,
    precision = 'float32',
    options = {},
    ranks = alone,
    datasetSize = DATASET,
  }: {
    seed?: number;
    precision?: 'float32' | 'bfloat16';
    options?: object;
    ranks?: Ranks;
    datasetSize?: number;
  } = {},
): Method {
  const definition = findMethod(name);
  return definition.create({
    options: definition.options.parse({ name, ...options }),
    model: MODEL,
    datasetSize,
    seed,
    device: 'cpu',
    precision,
    pixels: { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] },
    optimizer: OPTIMIZER,
    ranks,
  });
}

export const makeOptimizer = (method: Method): AdamW => new AdamW(decayGroups(method.params, 0.1), OPTIMIZER);

export const clock = (step: number): Clock =>
  clockAt(step, { totalSteps: 60, globalBatchSize: BATCH, datasetSize: DATASET });

/** Six of twenty samples; which, and what they look like, depends on the step and the sample. */
export function batchAt(step: number, name: string): Batch {
  const { options, views } = findMethod(name);
  const crop: ViewRecipe['crop'] = { scale: [0.5, 1], ratio: [1, 1], interpolation: 'bicubic' };
  const recipes = views({ options: options.parse({ name }), imageSize: IMAGE, data: { crop, flip: false } });
  const ids = Array.from({ length: BATCH }, (_, i) => (step * BATCH + i) % DATASET);
  const images = recipes.map(({ size }, view) => {
    const bytes = ids.flatMap((id) => {
      const next = uniform(1000 * view + id);
      return Array.from({ length: size * size * 3 }, () => 128 + 127 * next());
    });
    return tensor(Uint8Array.from(bytes), [BATCH, size, size, 3]);
  });
  const tokens = Int32Array.from(
    ids.flatMap((id) => {
      const next = uniform(7000 + id);
      const words = Array.from({ length: LENGTH - 1 }, () => Math.floor(15 + 14 * next()));
      return [...words, VOCABULARY - 1];
    }),
  );
  return {
    views: images,
    tokens: tensor(tokens, [BATCH, LENGTH]),
    ids: int64(ids),
    rows: { first: 0, total: BATCH },
  };
}

/** Features and loss of one batch. */
export const lossOf = (method: Method, batch: Batch, at: Clock) =>
  method.loss(method.features(batch, at), batch.ids, at);

/** One update as train.ts does it; returns the metrics. */
export function trainStep(name: string, method: Method, optimizer: AdamW, step: number) {
  return scope(() => {
    const { loss, metrics, next } = lossOf(method, batchAt(step, name), clock(step));
    backward(loss);
    optimizer.step({ lr: OPTIMIZER.peakLr });
    method.commit(next, clock(step));
    return Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, value.item()]));
  });
}

/** The tensors inside what a method hands from loss() to commit(). */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return value && typeof value === 'object' ? Object.values(value).flatMap(tensorsIn) : [];
}
