// The parts of a run, built once from its config. train.ts and the evaluation of a saved run share them.
import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { RunConfig } from '../config/index.ts';
import { type Dataset, openDataset, type Problems } from '../data/index.ts';
import { createTokenizer, loadTokenizer, type Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import type { Encoder } from '../evaluate/features.ts';
import { saveCheckpoint } from '../io/checkpoint.ts';
import { checkpointPath, runPaths } from '../io/checkpoint-files.ts';
import { findMethod, type Method } from '../methods/index.ts';
import { type AnyModelSpec, hasTexts, modelSpec } from '../models/registry.ts';
import { adamOptions, createOptimizer, decayGroups, type Optimizer } from '../optim/index.ts';
import { deviceOfRank, type GradientAverager, openRanks, type Place, type Ranks } from '../ranks/index.ts';
import { StepGraphs } from '../step/graphs/step-graphs.ts';
import { coresOfRank } from '../torch/cores.ts';
import {
  cudaCount,
  Generator,
  resolveDevice,
  setMatmulPrecision,
  setThreads,
  type Tensor,
} from '../torch/index.ts';
import type { Plan } from './plan.ts';

/** Threads that decode pictures, of `cores`: on a GPU machine all but one, on the CPU half, since training needs the cores too. */
export function workerCount(
  wanted: number | 'auto',
  { device, cores }: { device: string; cores: number },
): number {
  if (wanted !== 'auto') return wanted;
  return Math.max(1, device === 'cpu' ? Math.floor(cores / 2) : cores - 1);
}

/** The model that a config names: with the tokenizer's vocabulary where the method has texts, else its image tower alone. */
export function modelFor(config: RunConfig, tokenizer: Tokenizer | undefined): AnyModelSpec {
  const spec = namedModel(config);
  if (!hasTexts(spec) || !tokenizer) return { image: spec.image };
  const wanted = typeof config.model === 'string' ? undefined : spec.text.vocabSize;
  if (wanted !== undefined && wanted < tokenizer.vocabSize) {
    throw new CoupletError(
      `model.text.vocabSize is ${wanted}, but the tokenizer has ${tokenizer.vocabSize} ids. Leave vocabSize out: the tokenizer's is then used.`,
    );
  }
  return { ...spec, text: { ...spec.text, vocabSize: wanted ?? tokenizer.vocabSize } };
}

/** What a config says of the model. Throws a CoupletError when the method has texts and the model no tower for them. */
export function namedModel({ model, method }: RunConfig): AnyModelSpec {
  const spec = modelSpec(model as string | AnyModelSpec);
  if (findMethod(method.name).needs.tokens && !hasTexts(spec))
    throw new CoupletError(
      `method ${method.name} needs a text tower: give model.embedDim and model.text beside model.image, or a name such as ViT-B-32.`,
    );
  return spec;
}

/** Meets the other ranks, if there are any, and makes sure that all were started with the same config. */
export function meetRanks(config: RunConfig, device: string, place: Place): Ranks {
  const { globalBatchSize, gradAccumSteps } = config.batch;
  const parts = place.worldSize * gradAccumSteps;
  if (globalBatchSize % parts !== 0) {
    throw new CoupletError(
      `batch.globalBatchSize ${globalBatchSize} does not divide into ${place.worldSize} ranks with ${gradAccumSteps} gradAccumSteps each: use a multiple of ${parts}.`,
    );
  }
  const ranks = openRanks({ device, place });
  ranks.checkSame('config', JSON.stringify(config));
  return ranks;
}

/** Sets what belongs to the process: device, threads, precision of float32 products. Returns the device. */
export function prepareProcess(config: RunConfig, place?: Place): string {
  if (config.threads) setThreads(config.threads);
  setMatmulPrecision('exact');
  return resolveDevice(place ? deviceOfRank(config.device, place, cudaCount()) : config.device);
}

export function createMethod(
  config: RunConfig,
  parts: { model: AnyModelSpec; datasetSize: number; device: string; ranks: Ranks },
): Method {
  const definition = findMethod(config.method.name);
  return definition.create({
    ...parts,
    options: config.method,
    seed: config.seed,
    precision: config.precision,
    pixels: { mean: config.data.mean, std: config.data.std },
    optimizer: { peakLr: config.optimizer.peakLr, ...adamOptions(config.optimizer) },
  });
}

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
  optimizer: Optimizer;
  encoder: Encoder;
  ranks: Ranks;
  averager: GradientAverager;
  plan: Plan;
  graphs?: StepGraphs;
}

/** Opens the training data. Throws a CoupletError when it lacks what the method needs. */
export async function openTrainData(config: RunConfig): Promise<Dataset> {
  const dataset = await openDataset([config.data.train].flat(), { key: 'data.train' });
  const { needs } = findMethod(config.method.name);
  if (!needs.tokens || dataset.hasCaptions) return dataset;
  dataset.close();
  throw new CoupletError(
    `method ${config.method.name} needs captions, but data.train has none: add a caption column or txt members, or class names with templates.`,
  );
}

/** Learns or loads the tokenizer, builds model, method and optimizer. Makes the run's folder. */
export async function buildRun(
  config: RunConfig,
  {
    runDir,
    dataset,
    device,
    ranks,
    plan,
  }: Pick<RunParts, 'runDir' | 'dataset' | 'device' | 'ranks' | 'plan'>,
): Promise<RunParts> {
  if (ranks.rank === 0) await mkdir(runDir, { recursive: true });
  const tokenizer = await openTokenizer(config, { runDir, dataset, ranks });
  const model = modelFor(config, tokenizer);
  const method = createMethod(config, { model, datasetSize: dataset.size, device, ranks });
  const groups = decayGroups(method.params, config.optimizer.weightDecay, method.decays);
  const optimizer = createOptimizer(config.optimizer, groups);
  const encoder = {
    ...encoderOf(config, { method, device, model, ...(tokenizer && { tokenizer }) }),
    onBatch: () => ranks.atWork(),
  };
  return {
    config,
    runDir,
    device,
    dataset,
    ...(tokenizer && { tokenizer }),
    model,
    method,
    optimizer,
    encoder,
    ranks,
    averager: averagerOf(config, { method, ranks }),
    plan,
    ...(capturesSteps(config, { device, ranks }) && {
      graphs: new StepGraphs(method, {
        ...(tokenizer && { contextLength: tokenizer.contextLength }),
      }),
    }),
  };
}

/** Steps are captured on a GPU, by a rank that is alone and takes its batch whole. */
function capturesSteps(
  { cudaGraphs, batch }: RunConfig,
  { device, ranks }: Pick<RunParts, 'device' | 'ranks'>,
): boolean {
  return cudaGraphs && device.startsWith('cuda') && ranks.worldSize === 1 && batch.gradAccumSteps === 1;
}

/** Parts of a batch add up on a rank first, so there is one all-reduce after them; a whole one is averaged while backward runs. */
function averagerOf(
  { batch }: RunConfig,
  { method, ranks }: Pick<RunParts, 'method' | 'ranks'>,
): GradientAverager {
  const learned = new Map([...method.params].filter(([, tensor]) => tensor.requiresGrad));
  return ranks.averager(learned, batch.gradAccumSteps > 1 ? { overlap: false } : {});
}

/** Tokens of a caption; undefined when the method has no texts. */
export function contextLengthOf(config: RunConfig): number | undefined {
  const spec = namedModel(config);
  return findMethod(config.method.name).needs.tokens && hasTexts(spec) ? spec.text.contextLength : undefined;
}

/** Rank 0 makes the tokenizer, which may mean to learn it from the captions; the others are told what it is. */
async function openTokenizer(
  config: RunConfig,
  { runDir, dataset, ranks }: Pick<RunParts, 'runDir' | 'dataset' | 'ranks'>,
): Promise<Tokenizer | undefined> {
  const contextLength = contextLengthOf(config);
  if (contextLength === undefined) return undefined;
  if (ranks.rank > 0) return createTokenizer(JSON.parse(ranks.share('the tokenizer', undefined)));
  const tokenizer = await loadTokenizer(config.data.tokenizer, {
    contextLength,
    captions: dataset.captions(),
    cachePath: runPaths(runDir).tokenizer,
  });
  ranks.share('the tokenizer', JSON.stringify(tokenizer.spec));
  return tokenizer;
}

/** What evaluators need of a run. */
export function encoderOf(
  { data }: RunConfig,
  { model, ...parts }: Pick<RunParts, 'method' | 'tokenizer' | 'device' | 'model'>,
): Encoder {
  const workers = workerCount(data.workers, { device: parts.device, cores: coresOfRank() });
  const { maxBadShare, cache: cacheFolder } = data;
  const { imageSize } = model.image;
  return { ...parts, imageSize, workers, maxBadShare, ...(cacheFolder !== undefined && { cacheFolder }) };
}

/** Live tensors besides the model that a resume needs, by stable names. */
export function liveState({
  method,
  optimizer,
}: Pick<RunParts, 'method' | 'optimizer'>): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  for (const [name, tensor] of method.state) state.set(`method.${name}`, tensor);
  for (const [name, tensor] of optimizer.state().tensors) state.set(`optimizer.${name}`, tensor);
  return state;
}

/** State by sample id, whole whatever the number of ranks. Collective; new tensors. */
export function gatheredTables({ tables = new Map() }: Method): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  for (const [name, table] of tables) {
    const { rows, visited } = table.gather();
    state.set(`method.${name}.rows`, rows).set(`method.${name}.visited`, visited);
  }
  return state;
}

/** Rank 0 writes all that a resume needs; collective, because samples' tables are shared out. The data's cursor is the step itself: order and augmentation are functions of seed and position. */
export async function saveRun(
  parts: RunParts,
  { step, skipped: { count, first } }: { step: number; skipped: Problems },
): Promise<string> {
  const random = new Generator('cpu').state();
  const tables = gatheredTables(parts.method);
  const state = new Map([...liveState(parts), ...tables, ['random.cpu', random]]);
  const optimizer = { steps: parts.optimizer.state().steps };
  try {
    if (parts.ranks.rank > 0) return checkpointPath(parts.runDir, step);
    return await saveCheckpoint(parts.runDir, {
      model: parts.method.model,
      state,
      json: {
        step,
        optimizer,
        datasetSize: parts.dataset.size,
        spent: parts.plan.budget.spent,
        ...(parts.plan.online && { online: parts.plan.online.state() }),
        skipped: { count, first },
      },
    });
  } finally {
    for (const tensor of [random, ...tables.values()]) tensor.dispose();
  }
}

/** Refuses to write a new run over an old one; one that ended before its first line of metrics is none. */
export function refuseExisting(runDir: string): void {
  const { metrics, checkpoints } = runPaths(runDir);
  if (existsSync(checkpoints) || (existsSync(metrics) && statSync(metrics).size > 0)) {
    throw new CoupletError(
      `${runDir} holds a run already. Continue it with --resume latest, or give this one another --name.`,
    );
  }
}
