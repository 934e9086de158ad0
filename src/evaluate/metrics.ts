import { CoupletError } from '../errors.ts';
import { nearest } from '../io/suggest.ts';
import { accuracyMetrics } from './accuracy.ts';
import type { FineTuneReport } from './fine-tune.ts';
import type { LinearProbeReport } from './linear-probe.ts';
import { type EvaluateConfig, type EvaluatorReports, evaluatorList } from './registry.ts';

export interface EvalReport extends EvaluatorReports {
  linear?: LinearProbeReport;
  fineTune?: FineTuneReport;
  /** Samples that could not be read. */
  skipped: number;
}

/** Metrics by key of the report. */
const METRICS: readonly (readonly [string, Readonly<Record<string, (report: never) => number>>])[] = [
  ...evaluatorList.map(({ name, metrics }) => [name, metrics] as const),
  ['linear', accuracyMetrics('linear')],
  ['fineTune', accuracyMetrics('fine_tune')],
];

/** The report as metrics of one row: `eval/zero_shot_top1`, `eval/knn_top1`, `eval/text_to_image_r10`, ... */
export function evalMetrics(report: EvalReport): Record<string, number> {
  const entries = METRICS.flatMap(([key, metrics]) => {
    const measured = report[key as keyof EvalReport] as never;
    if (measured === undefined) return [];
    return Object.entries(metrics).map(([name, read]) => [`eval/${name}`, read(measured)]);
  });
  return Object.fromEntries(entries);
}

/** Throws a CoupletError when `evaluate.bestBy` is no metric of the evaluations that the config has. */
export function checkBestBy(config: EvaluateConfig): void {
  const { bestBy } = config;
  if (bestBy === undefined) return;
  const known = evaluatorList.flatMap(({ name, metrics }) => (config[name] ? Object.keys(metrics) : []));
  if (known.includes(bestBy.replace(/^eval\//, ''))) return;
  if (known.length === 0) {
    const keys = evaluatorList.map(({ name }) => `evaluate.${name}`);
    throw new CoupletError(
      `evaluate.bestBy is ${bestBy}, but the config evaluates nothing: add ${keys.slice(0, -1).join(', ')} or ${keys.at(-1)}, or leave bestBy out.`,
    );
  }
  const meant = nearest(bestBy, known);
  throw new CoupletError(
    `evaluate.bestBy is ${bestBy}, which no evaluation of this config gives; ${meant ? `did you mean ${meant}?` : `there are: ${known.join(', ')}.`}`,
  );
}
