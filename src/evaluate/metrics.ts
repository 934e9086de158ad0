import { CoupletError } from '../errors.ts';
import { nearest } from '../io/suggest.ts';
import { accuracyLine, accuracyMetrics } from './accuracy.ts';
import type { FineTuneReport } from './fine-tune.ts';
import type { LinearProbeReport } from './linear-probe.ts';
import { type EvaluateConfig, type EvaluatorReports, evaluatorList } from './registry.ts';
import type { ReportRemarks } from './remarks.ts';

export interface EvalReport extends EvaluatorReports, ReportRemarks {
  linear?: LinearProbeReport;
  fineTune?: FineTuneReport;
}

type ReportKind = Pick<(typeof evaluatorList)[number], 'metrics' | 'lines'>;

/** By key of the report. classify() alone gives the last two. */
const reportKinds: Readonly<Record<string, ReportKind>> = {
  ...Object.fromEntries(evaluatorList.map((evaluator) => [evaluator.name, evaluator])),
  linear: {
    metrics: accuracyMetrics('linear'),
    lines: (report: LinearProbeReport) => [
      accuracyLine('linear', report, `rate ${report.rate}, ${report.epochs} epochs`),
    ],
  },
  fineTune: {
    metrics: accuracyMetrics('fine_tune'),
    lines: (report: FineTuneReport) => [accuracyLine('fine-tuned', report, `${report.epochs} epochs`)],
  },
};

/** One row of metrics: `eval/zero_shot_top1`, `eval/text_to_image_r10`, ... */
export function evalMetrics(report: EvalReport): Record<string, number> {
  const entries = Object.entries(reportKinds).flatMap(([key, { metrics }]) => {
    const measured = report[key as keyof EvalReport] as never;
    if (measured === undefined) return [];
    return Object.entries(metrics).map(([name, read]) => [`eval/${name}`, read(measured)]);
  });
  return Object.fromEntries(entries);
}

/** Text for the terminal, in the order of the report; then what the numbers leave out. */
export function evalLines(report: EvalReport): string[] {
  const lines = Object.entries(report).flatMap(([key, part]) =>
    part === undefined ? [] : (reportKinds[key]?.lines(part as never) ?? []),
  );
  return [...lines, ...report.notes];
}

/** Throws a CoupletError when no evaluation of the config gives the metric `bestBy`. */
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
