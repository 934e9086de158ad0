import { type Dataset, openDataset } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { tokensToDevice } from '../feed/upload.ts';
import { findMethod } from '../methods/index.ts';
import { noGrad, scope } from '../torch/index.ts';
import { classifyFeatures } from './classify.ts';
import type { EvaluateConfig } from './config.ts';
import { type Encoder, encodeDataset, ImageFeatures } from './features.ts';
import { type LabelledPair, openPair, type Sources } from './labelled.ts';
import type { EvalReport } from './metrics.ts';
import type { NeighboursOptions } from './neighbours.ts';
import { retrieval } from './retrieval.ts';
import { classFeatures, DEFAULT_TEMPLATES, zeroShot } from './zero-shot.ts';

export { checkBestBy, type EvalReport, evalMetrics } from './metrics.ts';

/** The data sets that a config evaluates on, opened once. */
export interface EvalData {
  zeroShot?: { dataset: Dataset; templates: readonly string[] };
  retrieval?: { dataset: Dataset };
  neighbours?: NeighboursOptions & { pair: LabelledPair };
}

/** What the evaluation needs of the rest of a config. */
export interface EvaluatedRun {
  seed: number;
  method: { name: string };
  data: { train: Sources };
}

/**
 * Opens the evaluation data.
 * @throws CoupletError for sources without the labels or captions that the evaluation needs, and, when `run` is given, for an
 *   evaluation by texts of a method that has none. Without `run`, neighbours need a `train` of their own.
 */
export async function openEvalData(evaluate: EvaluateConfig, run?: EvaluatedRun): Promise<EvalData> {
  const data: EvalData = {};
  if (run && !findMethod(run.method.name).needs.tokens) refuseTexts(evaluate, run.method.name);
  try {
    if (evaluate.zeroShot) data.zeroShot = await openZeroShot(evaluate.zeroShot);
    if (evaluate.retrieval) data.retrieval = await openRetrieval(evaluate.retrieval);
    if (evaluate.neighbours) data.neighbours = await openNeighbours(evaluate.neighbours, run);
    return data;
  } catch (error) {
    closeEvalData(data);
    throw error;
  }
}

async function openZeroShot({ data, templates }: NonNullable<EvaluateConfig['zeroShot']>) {
  const dataset = await openDataset([data].flat());
  if (dataset.hasLabels && dataset.classNames) return { dataset, templates: templates ?? DEFAULT_TEMPLATES };
  dataset.close();
  throw new CoupletError(
    'evaluate.zeroShot.data has no labels with class names: give the source `classNames`, or use a folder with one folder per class.',
  );
}

async function openRetrieval({ data }: NonNullable<EvaluateConfig['retrieval']>) {
  const dataset = await openDataset([data].flat());
  if (dataset.hasCaptions) return { dataset };
  dataset.close();
  throw new CoupletError(
    'evaluate.retrieval.data has no captions: expected a caption column or txt members.',
  );
}

async function openNeighbours(
  { data, train, k, temperature, samples }: NonNullable<EvaluateConfig['neighbours']>,
  run: EvaluatedRun | undefined,
) {
  const sources: Sources | undefined = train ?? run?.data.train;
  if (!sources) throw new CoupletError('evaluate.neighbours.train is missing: give labelled pictures.');
  const pair = await openPair({
    train: {
      name: train ? 'evaluate.neighbours.train' : 'data.train (evaluate.neighbours.train is not given)',
      sources,
    },
    test: { name: 'evaluate.neighbours.data', sources: data },
    ...(samples !== undefined && { samples }),
    seed: run?.seed ?? 0,
  });
  return { pair, k, temperature };
}

/** Removes what was unpacked for the evaluation. */
export function closeEvalData({ zeroShot, retrieval, neighbours }: EvalData): void {
  zeroShot?.dataset.close();
  retrieval?.dataset.close();
  neighbours?.pair.close();
}

/** Runs the evaluations that there is data for. */
export async function evaluate(data: EvalData, encoder: Encoder): Promise<EvalReport> {
  if (!encoder.method.encodeTexts || !encoder.tokenizer) refuseTexts(data, 'of this encoder');
  const features = new ImageFeatures(encoder);
  try {
    const report: EvalReport = { skipped: 0 };
    if (data.zeroShot) report.zeroShot = await measureZeroShot(data.zeroShot, encoder, features);
    if (data.retrieval) Object.assign(report, await measureRetrieval(data.retrieval, encoder));
    if (data.neighbours) {
      const { pair, ...options } = data.neighbours;
      Object.assign(report, await classifyFeatures(pair, features, { neighbours: options }));
    }
    report.skipped += features.skipped;
    return report;
  } finally {
    features.dispose();
  }
}

async function measureZeroShot(
  { dataset, templates }: NonNullable<EvalData['zeroShot']>,
  encoder: Encoder,
  images: ImageFeatures,
) {
  const { features, labels } = await images.of(dataset);
  return scope(() => {
    const classes = classFeatures(dataset.classNames!, {
      tokenizer: encoder.tokenizer!,
      templates,
      encodeTexts: (tokens) => encodeTexts(encoder, tokens),
    });
    return zeroShot(features, classes, labels);
  });
}

async function measureRetrieval({ dataset }: NonNullable<EvalData['retrieval']>, encoder: Encoder) {
  const { images, texts, skipped } = await encodeDataset(dataset, encoder, { texts: true });
  try {
    return { retrieval: noGrad(() => retrieval(images, texts!)), skipped };
  } finally {
    images.dispose();
    texts!.dispose();
  }
}

function encodeTexts({ method, tokenizer, device }: Encoder, tokens: Int32Array) {
  return method.encodeTexts!(tokensToDevice(tokens, tokens.length / tokenizer!.contextLength, device));
}

/** Throws a CoupletError when something asks for texts, where the method has none. */
function refuseTexts(asked: { zeroShot?: unknown; retrieval?: unknown }, method: string): void {
  const name = asked.zeroShot ? 'zeroShot' : asked.retrieval ? 'retrieval' : undefined;
  if (name)
    throw new CoupletError(
      `evaluate.${name} compares pictures with texts, and method ${method} has no text tower: use evaluate.neighbours, or a method such as clip.`,
    );
}
