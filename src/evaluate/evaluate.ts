import type { RunConfig } from '../config/index.ts';
import { type Dataset, openDataset } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { tokensToDevice } from '../feed.ts';
import { type Encoder, encodeDataset } from './features.ts';
import { type RetrievalReport, retrieval } from './retrieval.ts';
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
  if (zeroShot) {
    const dataset = await openDataset([zeroShot.data].flat());
    if (!dataset.hasLabels || !dataset.classNames) {
      throw new CoupletError(
        'evaluate.zeroShot.data has no labels with class names: give the source `classNames`, or use a folder with one folder per class.',
      );
    }
    data.zeroShot = { dataset, templates: zeroShot.templates ?? DEFAULT_TEMPLATES };
  }
  if (retrieval) {
    const dataset = await openDataset([retrieval.data].flat());
    if (!dataset.hasCaptions)
      throw new CoupletError(
        'evaluate.retrieval.data has no captions: expected a caption column or txt members.',
      );
    data.retrieval = { dataset };
  }
  return data;
}

/** Runs the evaluations that there is data for. */
export async function evaluate(data: EvalData, encoder: Encoder): Promise<EvalReport> {
  const report: EvalReport = { skipped: 0 };
  if (data.zeroShot) {
    const { dataset, templates } = data.zeroShot;
    const found = await encodeDataset(dataset, encoder, { texts: false });
    const classes = classFeatures(dataset.classNames!, {
      ...encoder,
      templates,
      encodeTexts: (tokens) => encodeTexts(encoder, tokens),
    });
    report.zeroShot = zeroShot(found.images, classes, found.labels);
    report.skipped += found.skipped;
    classes.dispose();
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
  return method.encodeTexts!(tokensToDevice(tokens, tokens.length / tokenizer.contextLength, device));
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
