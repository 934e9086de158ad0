import type { Problems } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { type EvalData, type EvalReport, evalMetrics, evaluate } from '../evaluate/index.ts';
import { pruneCheckpoints } from '../io/checkpoint-files.ts';
import type { RunLock } from '../io/run-lock.ts';
import type { StepContext } from '../time/clock.ts';
import type { RunParts } from './build.ts';
import { saveRun } from './checkpoint.ts';
import { checkWeights } from './divergence.ts';
import type { OnEvent } from './events.ts';
import { FAILED, type Journal, spentRow } from './journal.ts';

interface Moment {
  /** Updates done. */
  step: number;
  journal: Journal | undefined;
  onEvent: OnEvent;
}

export interface Evaluation {
  /** Of rank 0, unless nothing could be measured. */
  report?: EvalReport;
  isBest: boolean;
  /** Why the metric of `evaluate.bestBy` is missing: the run ends as soon as its weights are saved. */
  failure?: string;
}

/**
 * Rank 0 evaluates, with `emaWeights` the averages; all ranks learn the outcome. An evaluation that fails is a warning, and `eval/failed` in metrics.jsonl; the run goes
 * on without its metrics.
 */
export async function evaluateStep(
  run: RunParts & { evalData: EvalData },
  { journal, ...moment }: Moment & { context: StepContext },
): Promise<Evaluation> {
  const { report, ...outcome } = journal ? await evaluateHere(run, { ...moment, journal }) : NOT_BEST;
  const shared = JSON.parse(run.ranks.share('the evaluation', JSON.stringify(outcome))) as Evaluation;
  return { ...shared, ...(report && { report }) };
}

const NOT_BEST: Evaluation = { isBest: false };

async function evaluateHere(
  { encoder, average, plan, evalData }: RunParts & { evalData: EvalData },
  { step, context, journal, onEvent }: Moment & { context: StepContext; journal: Journal },
): Promise<Evaluation> {
  if (Object.keys(evalData).length === 0) return NOT_BEST;
  const failures: string[] = [];
  const fail = (what: string, error: unknown) => {
    failures.push(`${what} failed after step ${step}, and the run goes on without it: ${causeOf(error)}`);
    onEvent({ type: 'warning', message: failures.at(-1)! });
  };
  const measure = () =>
    evaluate(evalData, encoder, { onFailure: (name, error) => fail(`evaluate.${name}`, error) });
  const measured = average ? average.during(measure) : measure();
  const report = await measured.catch((error: unknown) => fail('the evaluation', error));
  if (report?.notFinite) onEvent({ type: 'warning', message: `after step ${step} ${report.notFinite}` });
  const row = {
    step,
    ...spentRow(context, plan),
    ...(report && evalMetrics(report)),
    ...(failures.length > 0 && { [FAILED]: failures.join('\n') }),
  };
  journal.write(row);
  if (report) onEvent({ type: 'evaluated', step, report });
  return {
    ...(report && { report }),
    isBest: journal.isNewBest(row),
    ...(journal.lacksBest(row) && { failure: failures.join('\n') }),
  };
}

const causeOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Ends a run whose best checkpoint cannot be known. */
export const noBest = (bestBy: string | undefined, { step, failure }: { step: number; failure: string }) =>
  new CoupletError(
    `evaluate.bestBy is ${bestBy}, and it could not be measured after step ${step}. The weights of this step are saved.\n${failure}\n` +
      'Mend this and go on with --resume latest, which measures it first; or leave bestBy out.',
  );

/** Whether a run was ended between saving and evaluating the step that it resumes from. Collective. */
export function owesEvaluation(
  { ranks, plan }: RunParts,
  {
    step,
    journal,
    context,
    isLast,
  }: Pick<Moment, 'step' | 'journal'> & { context: StepContext; isLast: boolean },
): boolean {
  const { progress } = context;
  const end = { step, progress, progressBefore: progress - 1 / plan.totalSteps(step) };
  const isDue = step > 0 && (isLast || plan.evaluatesAfter(end)) && !journal?.isEvaluated(step);
  return ranks.share('whether an evaluation is due', isDue ? 'yes' : 'no') === 'yes';
}

const lostFolder = ({ runDir }: RunParts, step: number) =>
  `${runDir} was removed, renamed or unlocked while this run was at step ${step}`;

/**
 * Saves a checkpoint, and removes those that the config does not keep. Collective.
 * @throws CoupletError when the run's folder was removed or renamed, after saving
 */
export async function saveStep(
  run: RunParts & { lock?: RunLock },
  { step, journal, onEvent, skipped }: Moment & { skipped: Problems },
): Promise<void> {
  journal?.flush();
  checkWeights(run, step);
  const folder = run.lock?.state();
  if (folder === 'taken')
    throw new CoupletError(`${lostFolder(run, step)}: another process writes there, so it is not saved.`);
  const path = await saveRun(run, { step, skipped });
  if (folder === 'gone')
    throw new CoupletError(
      `${lostFolder(run, step)}. It is saved in ${path}, without config and metrics. Go on with --resume ${path} and another --name.`,
    );
  if (journal) onEvent({ type: 'saved', step, path });
  await keepBest(run, journal);
}

/** Names the best checkpoint, which is saved, and removes those that the config does not keep. */
export async function keepBest({ runDir, config }: RunParts, journal: Journal | undefined): Promise<void> {
  if (!journal) return;
  await journal.writeBest();
  const { bestStep } = journal;
  const { keep } = config.checkpoint;
  await pruneCheckpoints(runDir, { keep, ...(bestStep !== undefined && { best: bestStep }) });
}
