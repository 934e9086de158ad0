import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { EvaluatedRun } from './evaluator.ts';
import { type Encoder, ImageFeatures } from './features.ts';
import type { EvalReport } from './metrics.ts';
import {
  type EvalData,
  type EvaluatorName,
  type EvaluatorOptions,
  type EvaluatorReports,
  evaluatorList,
} from './registry.ts';
import { Remarks } from './remarks.ts';

/**
 * Opens the data of a config's evaluations. Without `run`, neighbours need `train`. Throws a CoupletError for missing labels
 * or captions, and for an evaluation by texts of a method without a text tower.
 */
export async function openEvalData(evaluate: EvaluatorOptions, run?: EvaluatedRun): Promise<EvalData> {
  const data: EvalData = {};
  if (run && !findMethod(run.method.name).needs.tokens) refuseTexts(evaluate, run.method.name);
  try {
    for (const { name, open } of evaluatorList) {
      const options = evaluate[name];
      if (options) Object.assign(data, { [name]: await open(options, run) });
    }
    return data;
  } catch (error) {
    closeEvalData(data);
    throw error;
  }
}

export function closeEvalData(data: EvalData): void {
  for (const opened of Object.values(data)) opened.close();
}

/** Runs the evaluations that `data` has. With `onFailure` one that fails is left out of the report, and the others go on. */
export async function evaluate(
  data: EvalData,
  encoder: Encoder,
  { onFailure }: { onFailure?: (evaluator: EvaluatorName, error: unknown) => void } = {},
): Promise<EvalReport> {
  if (!encoder.method.encodeTexts || !encoder.tokenizer) refuseTexts(data, 'of this encoder');
  const remarks = new Remarks();
  const features = new ImageFeatures(encoder, remarks);
  const reports: EvaluatorReports = {};
  try {
    for (const { name, run } of evaluatorList) {
      const opened = data[name];
      if (!opened) continue;
      try {
        Object.assign(reports, { [name]: await run(opened, { encoder, features, remarks }) });
      } catch (error) {
        if (!onFailure) throw error;
        onFailure(name, error);
      }
    }
    return { ...reports, ...remarks.finish(encoder.method.model) };
  } finally {
    features.dispose();
  }
}

function refuseTexts(evaluations: { [Name in EvaluatorName]?: unknown }, method: string): void {
  const texts = evaluatorList.find(({ name, needsTexts }) => needsTexts && evaluations[name]);
  if (texts)
    throw new CoupletError(
      `evaluate.${texts.name} compares pictures with texts, and method ${method} has no text tower: use evaluate.neighbours, or a method such as clip.`,
    );
}
