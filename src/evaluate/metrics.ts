// What the evaluations found, as metrics of one row.

import { CoupletError } from '../errors.ts';
import { nearest } from '../io/suggest.ts';
import type { Accuracy } from './accuracy.ts';
import type { EvaluateConfig } from './config.ts';
import type { FineTuneReport } from './fine-tune.ts';
import type { LinearProbeReport } from './linear-probe.ts';
import type { NeighboursReport } from './neighbours.ts';
import type { Recall, RetrievalReport } from './retrieval.ts';
import type { ZeroShotReport } from './zero-shot.ts';

export interface EvalReport {
  zeroShot?: ZeroShotReport;
  retrieval?: RetrievalReport;
  neighbours?: NeighboursReport;
  linear?: LinearProbeReport;
  fineTune?: FineTuneReport;
  /** Samples that could not be read. */
  skipped: number;
}

/** The report as metrics of one row: `eval/zero_shot_top1`, `eval/knn_top1`, `eval/text_to_image_r10`, ... */
export function evalMetrics(report: EvalReport): Record<string, number> {
  const { retrieval } = report;
  return {
    ...accuracyMetrics('zero_shot', report.zeroShot),
    ...accuracyMetrics('knn', report.neighbours),
    ...accuracyMetrics('linear', report.linear),
    ...accuracyMetrics('fine_tune', report.fineTune),
    ...(retrieval && {
      ...recallMetrics('image_to_text', retrieval.imageToText),
      ...recallMetrics('text_to_image', retrieval.textToImage),
      'eval/mean_recall': retrieval.meanRecall,
    }),
  };
}

function accuracyMetrics(name: string, found: Accuracy | undefined): Record<string, number> {
  return found ? { [`eval/${name}_top1`]: found.top1, [`eval/${name}_top5`]: found.top5 } : {};
}

function recallMetrics(name: string, { r1, r5, r10 }: Recall): Record<string, number> {
  return { [`eval/${name}_r1`]: r1, [`eval/${name}_r5`]: r5, [`eval/${name}_r10`]: r10 };
}

const NO_RECALL: Recall = { r1: 0, r5: 0, r10: 0 };
const NO_ACCURACY = { pictures: 0, classes: 0, top1: 0, top5: 0 };

/** The names of the metrics that a config's evaluations give. */
function metricNames({ zeroShot, retrieval, neighbours }: EvaluateConfig): string[] {
  const pairs = { pairs: 0, imageToText: NO_RECALL, textToImage: NO_RECALL, meanRecall: 0 };
  return Object.keys(
    evalMetrics({
      ...(zeroShot && { zeroShot: NO_ACCURACY }),
      ...(neighbours && { neighbours: { ...NO_ACCURACY, reference: 0, k: 0, temperature: 0 } }),
      ...(retrieval && { retrieval: pairs }),
      skipped: 0,
    }),
  );
}

/** Throws a CoupletError when `evaluate.bestBy` is no metric of the evaluations that the config has. */
export function checkBestBy(config: EvaluateConfig): void {
  const { bestBy } = config;
  if (bestBy === undefined) return;
  const known = metricNames(config).map((name) => name.replace('eval/', ''));
  if (known.includes(bestBy.replace(/^eval\//, ''))) return;
  if (known.length === 0) {
    throw new CoupletError(
      `evaluate.bestBy is ${bestBy}, but the config evaluates nothing: add evaluate.zeroShot, evaluate.retrieval or evaluate.neighbours, or leave bestBy out.`,
    );
  }
  const meant = nearest(bestBy, known);
  throw new CoupletError(
    `evaluate.bestBy is ${bestBy}, which no evaluation of this config gives; ${meant ? `did you mean ${meant}?` : `there are: ${known.join(', ')}.`}`,
  );
}
