import type { RunConfig } from '../config/index.ts';
import { nearest } from '../config/suggest.ts';
import { type Dataset, openDataset } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { tokensToDevice } from '../feed.ts';
import { scope } from '../torch/index.ts';
import { type Encoder, encodeDataset } from './features.ts';
import { type Recall, type RetrievalReport, retrieval } from './retrieval.ts';
import { classFeatures, DEFAULT_TEMPLATES, type ZeroShotReport, zeroShot } from './zero-shot.ts';

export interface EvalReport {
  zeroShot?: ZeroShotReport;
  retrieval?: RetrievalReport;
  /** Samples that could not be read. */
  skipped: number;
}

/** The data sets that a config evaluates on, opened once. */
export interface EvalData {
  zeroShot?: { dataset: Dataset; templates: readonly string[] };
  retrieval?: { dataset: Dataset };
}

/** Opens the evaluation data. Throws a CoupletError for sources without the labels or captions that the evaluation needs. */
export async function openEvalData({ zeroShot, retrieval }: RunConfig['evaluate']): Promise<EvalData> {
  const data: EvalData = {};
  try {
    if (zeroShot) {
      const dataset = await openDataset([zeroShot.data].flat());
      data.zeroShot = { dataset, templates: zeroShot.templates ?? DEFAULT_TEMPLATES };
      if (!dataset.hasLabels || !dataset.classNames) {
        throw new CoupletError(
          'evaluate.zeroShot.data has no labels with class names: give the source `classNames`, or use a folder with one folder per class.',
        );
      }
    }
    if (retrieval) {
      const dataset = await openDataset([retrieval.data].flat());
      data.retrieval = { dataset };
      if (!dataset.hasCaptions)
        throw new CoupletError(
          'evaluate.retrieval.data has no captions: expected a caption column or txt members.',
        );
    }
    return data;
  } catch (error) {
    closeEvalData(data);
    throw error;
  }
}

/** Removes what was unpacked for the evaluation. */
export function closeEvalData({ zeroShot, retrieval }: EvalData): void {
  zeroShot?.dataset.close();
  retrieval?.dataset.close();
}

/** Runs the evaluations that there is data for. */
export async function evaluate(data: EvalData, encoder: Encoder): Promise<EvalReport> {
  const report: EvalReport = { skipped: 0 };
  if (data.zeroShot) {
    const { dataset, templates } = data.zeroShot;
    const found = await encodeDataset(dataset, encoder, { texts: false });
    report.zeroShot = scope(() => {
      const classes = classFeatures(dataset.classNames!, {
        tokenizer: encoder.tokenizer!,
        templates,
        encodeTexts: (tokens) => encodeTexts(encoder, tokens),
      });
      return zeroShot(found.images, classes, found.labels);
    });
    report.skipped += found.skipped;
    found.images.dispose();
  }
  if (data.retrieval) {
    const found = await encodeDataset(data.retrieval.dataset, encoder, { texts: true });
    report.retrieval = retrieval(found.images, found.texts!);
    report.skipped += found.skipped;
    found.images.dispose();
    found.texts!.dispose();
  }
  return report;
}

function encodeTexts({ method, tokenizer, device }: Encoder, tokens: Int32Array) {
  return method.encodeTexts!(tokensToDevice(tokens, tokens.length / tokenizer!.contextLength, device));
}

/** The report as metrics of one row: `eval/zero_shot_top1`, `eval/text_to_image_r10`, ... */
export function evalMetrics({ zeroShot, retrieval }: EvalReport): Record<string, number> {
  return {
    ...(zeroShot && { 'eval/zero_shot_top1': zeroShot.top1, 'eval/zero_shot_top5': zeroShot.top5 }),
    ...(retrieval && {
      'eval/image_to_text_r1': retrieval.imageToText.r1,
      'eval/image_to_text_r5': retrieval.imageToText.r5,
      'eval/image_to_text_r10': retrieval.imageToText.r10,
      'eval/text_to_image_r1': retrieval.textToImage.r1,
      'eval/text_to_image_r5': retrieval.textToImage.r5,
      'eval/text_to_image_r10': retrieval.textToImage.r10,
      'eval/mean_recall': retrieval.meanRecall,
    }),
  };
}

const NO_RECALL: Recall = { r1: 0, r5: 0, r10: 0 };

/** The names of the metrics that a config's evaluations give. */
function metricNames({ zeroShot, retrieval }: RunConfig['evaluate']): string[] {
  const pairs = { pairs: 0, imageToText: NO_RECALL, textToImage: NO_RECALL, meanRecall: 0 };
  return Object.keys(
    evalMetrics({
      ...(zeroShot && { zeroShot: { pictures: 0, classes: 0, top1: 0, top5: 0 } }),
      ...(retrieval && { retrieval: pairs }),
      skipped: 0,
    }),
  );
}

/** Throws a CoupletError when `evaluate.bestBy` is no metric of the evaluations that the config has. */
export function checkBestBy(config: RunConfig['evaluate']): void {
  const { bestBy } = config;
  if (bestBy === undefined) return;
  const known = metricNames(config).map((name) => name.replace('eval/', ''));
  if (known.includes(bestBy.replace(/^eval\//, ''))) return;
  if (known.length === 0) {
    throw new CoupletError(
      `evaluate.bestBy is ${bestBy}, but the config evaluates nothing: add evaluate.zeroShot or evaluate.retrieval, or leave bestBy out.`,
    );
  }
  const meant = nearest(bestBy, known);
  throw new CoupletError(
    `evaluate.bestBy is ${bestBy}, which no evaluation of this config gives; ${meant ? `did you mean ${meant}?` : `there are: ${known.join(', ')}.`}`,
  );
}
