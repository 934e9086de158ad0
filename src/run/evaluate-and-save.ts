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
import { type Journal, spentRow } from './journal.ts';

interface Moment {
  /** Updates done. */
  step: number;
  journal: Journal | undefined;
  onEvent: OnEvent;
}

/** Rank 0 evaluates; all ranks learn whether the result is the best so far. */
export async function evaluateStep(
  run: RunParts & { evalData: EvalData },
  { context, ...moment }: Moment & { context: StepContext },
): Promise<{ report?: EvalReport; isBest: boolean }> {
  const { encoder, plan, evalData, ranks } = run;
  const { step, journal, onEvent } = moment;
  if (!journal) return { isBest: ranks.share('the evaluation', '') === 'best' };
  const report = await evaluate(evalData, encoder);
  const metrics = evalMetrics(report);
  const row = { step, ...spentRow(context, plan), ...metrics };
  if (Object.keys(metrics).length > 0) journal.write(row);
  onEvent({ type: 'evaluated', step, report });
  const isBest = journal.isNewBest(row);
  ranks.share('the evaluation', isBest ? 'best' : '');
  return { report, isBest };
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
  const { runDir, config } = run;
  journal?.flush();
  checkWeights(run, step);
  const folder = run.lock?.state();
  if (folder === 'taken')
    throw new CoupletError(`${lostFolder(run, step)}: another process writes there, so it is not saved.`);
  const path = await saveRun(run, { step, skipped });
  if (!journal) return;
  if (folder === 'gone')
    throw new CoupletError(
      `${lostFolder(run, step)}. It is saved in ${path}, without config and metrics. Go on with --resume ${path} and another --name.`,
    );
  await journal.writeBest();
  const { bestStep } = journal;
  const { keep } = config.checkpoint;
  await pruneCheckpoints(runDir, { keep, ...(bestStep !== undefined && { best: bestStep }) });
  onEvent({ type: 'saved', step, path });
}
