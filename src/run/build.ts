// The parts of a run, each built once. Training, analysis and evaluation share them.
import { mkdir } from 'node:fs/promises';
import type { RunConfig } from '../config/index.ts';
import { type Dataset, openDataset } from '../data/index.ts';
import { createTokenizer, loadTokenizer, type Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import type { Encoder } from '../evaluate/features.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import { findMethod, type Method } from '../methods/index.ts';
import { frozenNames } from '../models/freeze.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { refuseHugeModel } from '../models/size.ts';
import { adamOptions, createOptimizer, type Optimizer, type WeightAverage } from '../optim/index.ts';
import type { GradientAverager, Ranks } from '../ranks/index.ts';
import { StepGraphs } from '../step/graphs/step-graphs.ts';
import { coresOfRank } from '../torch/cores.ts';
import { optimizerGroups } from './optimizer-groups.ts';
import type { Plan } from './plan.ts';
import { modelWith } from './resolve.ts';
import { NO_WEIGHTS, startFromWeights } from './weights.ts';

/** What a run trains with. */
export interface RunParts {
  config: RunConfig;
  runDir: string;
  device: string;
  dataset: Dataset;
  /** Where the method has texts. */
  tokenizer?: Tokenizer;
  model: AnyModelSpec;
  method: Method;
  /** Names of the parameters that came from a file; a resume takes them from its checkpoint. */
  loaded: ReadonlySet<string>;
  /** What they came from: a sentence for each file. */
  told: readonly string[];
  optimizer: Optimizer;
  /** Of the weights, with `emaWeights`: on the rank that evaluates and saves. */
  average?: WeightAverage;
  encoder: Encoder;
  ranks: Ranks;
  averager: GradientAverager;
  plan: Plan;
  graphs?: StepGraphs;
}

/** Numbers per parameter that every optimizer keeps, weights included. */
const WITH_GRADIENT_AND_MOMENT = 3;

type Surroundings = Pick<RunParts, 'runDir' | 'dataset' | 'device' | 'ranks'>;

/** Opens the training data. Throws a CoupletError when it lacks captions that the method needs. */
export async function openTrainData(config: RunConfig): Promise<Dataset> {
  const dataset = await openDataset([config.data.train].flat(), { key: 'data.train' });
  const { needs } = findMethod(config.method.name);
  if (!needs.tokens || dataset.hasCaptions) return dataset;
  dataset.close();
  throw new CoupletError(
    `method ${config.method.name} needs captions, but data.train has none: add a caption column or txt members, or class names with templates.`,
  );
}

/**
 * Makes the run's folder, the tokenizer, model, method and optimizer.
 * @param surroundings.startsAnew false: a checkpoint will replace all weights, so those of `model.from` are not read
 */
export async function buildRun(
  plan: Plan,
  surroundings: Surroundings & { startsAnew: boolean },
): Promise<RunParts> {
  const { config, contextLength, freeze } = plan;
  const { startsAnew, ...shared } = surroundings;
  const { runDir, dataset, device, ranks } = shared;
  if (ranks.rank === 0) await mkdir(runDir, { recursive: true });
  const tokenizer = await openTokenizer(plan, shared);
  const model = modelWith(plan, tokenizer);
  if (device === 'cpu') refuseHugeModel(model, WITH_GRADIENT_AND_MOMENT);
  const method = createMethod(config, { model, datasetSize: dataset.size, device, ranks });
  if (freeze) method.freeze(frozenNames(method.params.keys(), { freeze, model }));
  const weights = startsAnew ? await startFromWeights(config, { method, model }) : NO_WEIGHTS;
  const loaded = new Set([...method.params.keys()].filter((name) => weights.loaded.has(name)));
  const groups = optimizerGroups({ config, method, model, loaded });
  const optimizer = createOptimizer(config.optimizer, groups);
  const encoder = {
    ...encoderOf(config, { method, device, model, ...(tokenizer && { tokenizer }) }),
    onBatch: () => ranks.atWork(),
  };
  return {
    config,
    ...shared,
    ...(tokenizer && { tokenizer }),
    model,
    method,
    loaded,
    told: weights.told,
    optimizer,
    encoder,
    averager: averagerOf(config, { method, ranks }),
    plan,
    ...(capturesSteps(config, { device, ranks }) && {
      graphs: new StepGraphs(method, contextLength === undefined ? {} : { contextLength }),
    }),
  };
}

/** The data and the ranks stay open. */
export function disposeParts({ graphs, averager, method, optimizer }: RunParts): void {
  graphs?.dispose();
  averager.dispose();
  method.dispose();
  optimizer.dispose();
}

export function createMethod(
  config: RunConfig,
  context: { model: AnyModelSpec; datasetSize: number; device: string; ranks: Ranks },
): Method {
  return findMethod(config.method.name).create({
    ...context,
    options: config.method,
    seed: config.seed,
    precision: config.precision,
    pixels: { mean: config.data.mean, std: config.data.std },
    optimizer: { peakLr: config.optimizer.peakLr, ...adamOptions(config.optimizer) },
  });
}

/** Rank 0 loads the tokenizer, or learns it from the captions, for all ranks. */
async function openTokenizer(
  { config, contextLength, frame }: Plan,
  { runDir, dataset, ranks }: Surroundings,
): Promise<Tokenizer | undefined> {
  if (contextLength === undefined) return undefined;
  if (ranks.rank > 0) return createTokenizer(JSON.parse(ranks.share('the tokenizer', undefined)));
  const tokenizer = await loadTokenizer(config.data.tokenizer, {
    contextLength,
    ...(frame && { frame }),
    captions: dataset.captions(),
    cachePath: runPaths(runDir).tokenizer,
  });
  ranks.share('the tokenizer', JSON.stringify(tokenizer.spec));
  return tokenizer;
}

export function encoderOf(
  { data }: RunConfig,
  { model, ...parts }: Pick<RunParts, 'method' | 'tokenizer' | 'device' | 'model'>,
): Encoder {
  const workers = data.workers === 'auto' ? defaultWorkers(parts.device) : data.workers;
  const { maxBadShare, cache: cacheFolder } = data;
  const { imageSize } = model.image;
  return { ...parts, imageSize, workers, maxBadShare, ...(cacheFolder !== undefined && { cacheFolder }) };
}

/** Beside a GPU all cores but one decode pictures; on the CPU half of them, since training needs the others. */
function defaultWorkers(device: string): number {
  const cores = coresOfRank();
  return Math.max(1, device === 'cpu' ? Math.floor(cores / 2) : cores - 1);
}

/** With accumulation, gradients add up on each rank first; otherwise they are averaged while backward runs. */
function averagerOf(
  { batch }: RunConfig,
  { method, ranks }: Pick<RunParts, 'method' | 'ranks'>,
): GradientAverager {
  const learned = new Map([...method.params].filter(([, tensor]) => tensor.requiresGrad));
  return ranks.averager(learned, batch.gradAccumSteps > 1 ? { overlap: false } : {});
}

/** Only a rank that is alone on its GPU, and takes its batch whole, captures steps. */
function capturesSteps(
  { cudaGraphs, batch }: RunConfig,
  { device, ranks }: Pick<RunParts, 'device' | 'ranks'>,
): boolean {
  return cudaGraphs && device.startsWith('cuda') && ranks.worldSize === 1 && batch.gradAccumSteps === 1;
}
