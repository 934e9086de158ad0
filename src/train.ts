// THE STORY of a run: build -> a loop of { probe · step · log · save and evaluate } -> end. No method is named here.
import { setImmediate } from 'node:timers/promises';
import type { RunConfig } from './config/index.ts';
import type { Problems } from './data/index.ts';
import { withCleanUp } from './errors.ts';
import type { EvalReport } from './evaluate/index.ts';
import { CollapseAlarm, checkFinite } from './run/divergence.ts';
import { evaluateStep, keepBest, noBest, owesEvaluation, saveStep } from './run/evaluate-and-save.ts';
import type { OnEvent } from './run/events.ts';
import { contextRow } from './run/journal.ts';
import { type OpenRun, openRun } from './run/open-run.ts';
import { probeIfDue } from './run/probe-if-due.ts';
import { startRun } from './run/start.ts';
import { TrainTimer } from './run/timer.ts';
import { trainStep } from './step/step.ts';
import { scope } from './torch/index.ts';

export type { TrainEvent } from './run/events.ts';

export interface TrainOptions {
  runsDir?: string;
  /** 'latest', or the folder of a checkpoint. */
  resume?: string;
  /** When aborted, the run finishes its step, saves, and returns. */
  signal?: AbortSignal;
  onEvent?: OnEvent;
}

export interface TrainResult {
  runDir: string;
  /** Updates done. */
  step: number;
  totalSteps: number;
  finished: boolean;
  report?: EvalReport;
  skipped: Problems;
}

/** Trains until the config's duration is over or the signal aborts. Throws a CoupletError for errors that the user can fix. */
export async function train(config: RunConfig, options: TrainOptions = {}): Promise<TrainResult> {
  const run = await openRun(config, options);
  const training = () =>
    trainRun(run, options).catch((error) => {
      throw run.ranks.failed(error);
    });
  return withCleanUp(training, () => run.close());
}

/** The steps that are left. Every rank takes them; rank 0 alone writes, evaluates and reports. */
async function trainRun(run: OpenRun, { resume, signal, ...options }: TrainOptions): Promise<TrainResult> {
  const { config, runDir, ranks, plan } = run;
  const { budget } = plan;
  const { globalBatchSize } = config.batch;
  const onEvent = (ranks.rank === 0 && options.onEvent) || (() => {});
  const { step: start, isForeign, feed, journal } = await startRun(run, { resume, onEvent });
  const timer = new TrainTimer(ranks, { samplesPerStep: globalBatchSize, step: start });
  const alarm = new CollapseAlarm();

  let step = start;
  let context = plan.contextAt(step);
  let savedStep = start;
  let report: EvalReport | undefined;
  const isOver = () => budget.isExceededBy(plan.costOf(context));
  const save = async () => {
    await saveStep(run, { step, journal, onEvent, skipped: feed.problems });
    savedStep = step;
  };
  const evaluate = async () => {
    const { isBest, failure, ...measured } = await evaluateStep(run, { step, context, journal, onEvent });
    report = measured.report;
    if ((isBest || failure) && savedStep !== step) await save();
    else if (isBest) await keepBest(run, journal);
    if (failure) throw noBest(config.evaluate.bestBy, { step, failure });
  };
  try {
    if (isForeign) await save(); // so that this run can be resumed by its own name
    if (owesEvaluation(run, { step, journal, context, isLast: isOver() })) await timer.pause(evaluate);
    while (!isOver() && !ranks.anyWants(signal?.aborted ?? false)) {
      const progressBefore = context.progress;
      const batch = await feed.next();

      // Probe: compression.online compares compressions now and then. That costs budget, and may change the step's compression.
      if (await probeIfDue(run, { context, batch, feed, timer, onEvent })) context = plan.contextAt(step);

      // Step: one update of the weights.
      const log = (step + 1) % plan.logEvery === 0 || step + 1 === plan.totalSteps(step);
      const taken = context;
      const metrics = scope(() => trainStep(run, batch.toDevice(), taken, { log }));
      batch.release();
      budget.spend({ seconds: timer.lap(budget), ...plan.costOf(taken) });
      context = plan.contextAt(++step);

      // Log: metrics are there on log steps only, because reading them waits for the device.
      if (metrics) {
        const skipped = feed.problems.count;
        const row = { step, ...metrics, ...contextRow(taken, plan), ...timer.rates(step), skipped };
        checkFinite(row, runDir);
        journal?.write(row);
        onEvent({ type: 'log', row, totalSteps: plan.totalSteps(step), samples: step * globalBatchSize });
        const message = alarm.warningFor(row);
        if (message) onEvent({ type: 'warning', message });
      }

      // Save and evaluate: when the plan says so, and at the end. Weights come first, since an evaluation may fail.
      await timer.pause(async () => {
        const end = { step, progressBefore, progress: context.progress };
        const isLast = isOver();
        if (isLast || plan.savesAfter(end)) await save();
        if (isLast || plan.evaluatesAfter(end)) await evaluate();
      });
      await setImmediate(); // signals, timers and sockets get their turn
    }

    // End: a launcher stops all ranks when one exits, so all wait until rank 0 has saved.
    if (savedStep !== step) await save();
    ranks.barrier('the end');
  } finally {
    await feed.close().catch(() => undefined); // it would hide the run's error
    journal?.close();
  }
  return {
    runDir,
    step,
    totalSteps: plan.totalSteps(step),
    finished: isOver(),
    ...(report && { report }),
    skipped: { count: feed.problems.count, first: feed.problems.first },
  };
}
