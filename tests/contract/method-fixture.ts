// A method small enough to run a hundred times, and batches that depend on the step alone.

import { type Batch, findMethod, type Method } from '../../src/methods/index.ts';
import { BatchStatistics } from '../../src/nn/batch-norm.ts';
import { AdamW, decayGroups } from '../../src/optim/index.ts';
import { alone, type Ranks } from '../../src/ranks/index.ts';
import { type StepContext, stepContextAt } from '../../src/time/clock.ts';
import { backward, clearGrads, noGrad, scope, Tensor, tensor } from '../../src/torch/index.ts';
import type { ViewRecipe } from '../../src/views/recipe.ts';
import { int64, uniform } from './numbers.ts';
import { smallOptions } from './small-options.ts';

export const DATASET = 20;
export const BATCH = 6;
const IMAGE = 16;
const LENGTH = 6;
const VOCABULARY = 32;
export const RATE = 3e-3;
const OPTIMIZER = { peakLr: RATE, beta1: 0.9, beta2: 0.98, eps: 1e-6 };

export const MODEL = {
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

const optionsOf = (name: string, options: object = {}) =>
  findMethod(name).options.parse({ name, ...smallOptions(name), ...options });

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
    /** float64 is no config's: only self-supervised methods take it, for exact comparisons. */
    precision?: 'float32' | 'bfloat16' | 'float64';
    options?: object;
    ranks?: Ranks;
    datasetSize?: number;
  } = {},
): Method {
  return findMethod(name).create({
    options: optionsOf(name, options),
    model: MODEL,
    datasetSize,
    seed,
    device: 'cpu',
    precision: precision as 'float32',
    pixels: { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] },
    optimizer: OPTIMIZER,
    ranks,
  });
}

export const makeOptimizer = (method: Method): AdamW =>
  new AdamW(decayGroups(method.params, 0.1, { rule: method.decays }), OPTIMIZER);

export const clock = (step: number): StepContext =>
  stepContextAt(step, { totalSteps: 60, globalBatchSize: BATCH, datasetSize: DATASET });

/** What a method chooses its views by. */
export function viewContext(name: string, options: object = {}) {
  const crop: ViewRecipe['crop'] = { scale: [0.5, 1], ratio: [1, 1], interpolation: 'bicubic' };
  return { options: optionsOf(name, options), imageSize: IMAGE, data: { crop, flip: false } };
}

/** Six of twenty samples (or more); which, and what they look like, depends on the step and the sample. */
export function batchAt(step: number, name: string, { size: count = BATCH, options = {} } = {}): Batch {
  const recipes = findMethod(name).views(viewContext(name, options));
  const ids = Array.from({ length: count }, (_, i) => (step * count + i) % DATASET);
  const images = recipes.map(({ size }, view) => {
    const bytes = ids.flatMap((id) => {
      const next = uniform(1000 * view + id);
      return Array.from({ length: size * size * 3 }, () => 128 + 127 * next());
    });
    return tensor(Uint8Array.from(bytes), [count, size, size, 3]);
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
    tokens: tensor(tokens, [count, LENGTH]),
    ids: int64(ids),
    rows: { first: 0, total: count },
  };
}

/** Features and loss of one batch, in training mode; what batch norms have seen is dropped, or goes to `statistics`. */
export function lossOf(method: Method, batch: Batch, at: StepContext, statistics?: BatchStatistics) {
  const seen = statistics ?? new BatchStatistics();
  const result = seen.during(() => {
    const { metrics, ...rest } = method.loss(method.features(batch, at), batch.ids, at);
    return { ...rest, metrics: noGrad(metrics) };
  });
  if (!statistics) seen.forget();
  return result;
}

/** One update as train-step.ts does it; returns the metrics. */
export function trainStep(name: string, method: Method, optimizer: AdamW, step: number) {
  return scope(() => {
    const statistics = new BatchStatistics();
    const at = clock(step);
    const { loss, metrics, next } = lossOf(method, batchAt(step, name), at, statistics);
    backward(loss);
    clearGrads([...(method.frozen?.(at) ?? [])].map((key) => method.params.get(key)!));
    optimizer.step({ lr: OPTIMIZER.peakLr });
    method.commit(next, at);
    statistics.commit();
    return Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, value.item()]));
  });
}

/** Targets with a centre move by themselves, and are uneven before the centre has found its place. */
const settles = ({ state }: Method) => state.has('center');
const SETTLING_STEPS = 60;

/** Losses of the first batch, seen again and again. Targets that settle do so first, and stay from then on. */
export function learningLosses(name: string, method: Method, optimizer: AdamW): number[] {
  const steps = <T>(count: number, body: () => T) => Array.from({ length: count }, () => scope(body));
  if (!settles(method)) return steps(40, () => trainStep(name, method, optimizer, 0).loss);
  const first = () => lossOf(method, batchAt(0, name), clock(0));
  steps(SETTLING_STEPS, () => method.commit(first().next, clock(0)));
  return steps(40, () => {
    const { loss } = first();
    backward(loss);
    optimizer.step({ lr: OPTIMIZER.peakLr });
    return loss.item();
  });
}

/** The tensors inside what a method hands from loss() to commit(). */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return value && typeof value === 'object' ? Object.values(value).flatMap(tensorsIn) : [];
}
