// THE STORY: config -> data -> method -> step -> evaluation -> checkpoint. No method is named here.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { RunConfig } from './config/index.ts';
import type { Dataset, Problems } from './data/index.ts';
import {
  checkBestBy,
  closeEvalData,
  type EvalData,
  type EvalReport,
  evalMetrics,
  evaluate,
  openEvalData,
} from './evaluate/evaluate.ts';
import { openFeed } from './feed/index.ts';
import { Lookahead } from './feed/lookahead.ts';
import { pruneCheckpoints, runPaths } from './io/checkpoint-files.ts';
import { lockRun } from './io/run-lock.ts';
import { ranksFromEnvironment } from './ranks/index.ts';
import {
  buildRun,
  meetRanks,
  namedModel,
  openTrainData,
  prepareProcess,
  type RunParts,
  refuseExisting,
  saveRun,
} from './run/build.ts';
import { checkSameRun, findCheckpoint, removeLater, restoreRun } from './run/checkpoint.ts';
import { CollapseAlarm, checkFinite, checkWeights } from './run/divergence.ts';
import { clockRow, openRecords, type Records, spentRow } from './run/journal.ts';
import { planOf, withStages } from './run/plan.ts';
import { type ProbeEvent, probeIfDue } from './run/probe-if-due.ts';
import { TrainTimer } from './run/timer.ts';
import { trainStep } from './step/step.ts';
import type { StepContext } from './time/clock.ts';
import { bfloat16Gain, scope } from './torch/index.ts';

/** What happens in a run, for whoever shows it. */
export type TrainEvent =
  | { type: 'holding'; done: number; total: number } // pictures decoded for the device to hold, before the start
  | { type: 'start'; step: number; totalSteps: number; facts: RunFacts }
  | { type: 'log'; row: Record<string, number>; totalSteps: number; samples: number }
  | { type: 'evaluated'; step: number; report: EvalReport }
  | { type: 'saved'; step: number; path: string }
  | ProbeEvent
  | { type: 'warning'; message: string };

export interface RunFacts {
  runDir: string;
  device: string;
  precision: string;
  parameters: number;
  samples: number;
  skipped: Problems;
}

export interface TrainOptions {
  runsDir?: string;
  /** 'latest', or the folder of a checkpoint. */
  resume?: string;
  /** Aborting it finishes the step, saves, and returns. */
  signal?: AbortSignal;
  onEvent?: (event: TrainEvent) => void;
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

/** Trains until the config's duration is over or the signal aborts. Throws a CoupletError for what a person can mend. */
export async function train(given: RunConfig, options: TrainOptions = {}): Promise<TrainResult> {
  const config = withStages(given, namedModel(given));
  const runDir = join(options.runsDir ?? 'runs', config.name);
  const place = ranksFromEnvironment();
  if (options.resume) checkSameRun(config, runDir);
  checkBestBy(config.evaluate);
  const device = prepareProcess(config, place);
  const ranks = meetRanks(config, device, place);
  let evalData: EvalData = {};
  let dataset: Dataset | undefined;
  let parts: RunParts | undefined;
  let unlock = () => {};
  try {
    if (!options.resume && ranks.rank === 0) refuseExisting(runDir);
    if (ranks.rank === 0) unlock = lockRun(runDir);
    evalData = await openEvalData(config.evaluate, config);
    dataset = await openTrainData(config);
    ranks.checkSame('data', String(dataset.size));
    const plan = planOf(config, { datasetSize: dataset.size, model: namedModel(config) });
    if (!options.resume && ranks.rank === 0) await rm(runPaths(runDir).tokenizer, { force: true }); // of a run that was refused
    parts = await buildRun(config, { runDir, dataset, device, ranks, plan });
    return await runSteps(parts, { evalData, options });
  } catch (error) {
    throw ranks.failed(error);
  } finally {
    parts?.graphs?.dispose();
    parts?.averager.dispose();
    parts?.method.dispose();
    parts?.optimizer.dispose();
    dataset?.close();
    closeEvalData(evalData);
    unlock();
    ranks.close();
  }
}

/** All steps that are left, with what happens between them. Every rank takes them; rank 0 alone writes, evaluates and tells. */
async function runSteps(
  parts: RunParts,
  { evalData, options }: { evalData: EvalData; options: TrainOptions },
): Promise<TrainResult> {
  const { config, runDir, ranks, plan } = parts;
  const { budget } = plan;
  const { onEvent: tell = () => {}, signal } = options;
  const onEvent = ranks.rank === 0 ? tell : () => {};
  const { step: start, skipped } = await resumeStart(parts, { ...options, onEvent });
  ranks.checkSame('the step to start from', String(start));
  const warnings = [slowPrecision(parts), parts.method.advice?.(plan.totalSteps(start))]; // before there is a thread to be closed
  const feed = new Lookahead(
    await openFeed({
      ...parts,
      workers: parts.encoder.workers,
      startStep: start,
      skipped,
      onHold: (done, total) => onEvent({ type: 'holding', done, total }),
      onWarning: (message) => onEvent({ type: 'warning', message }),
    }),
  );
  const records = await openRecords(parts, start).catch(async (error) => {
    await feed.close();
    throw error;
  });
  onEvent({ type: 'start', step: start, totalSteps: plan.totalSteps(start), facts: factsOf(parts) });
  for (const message of warnings) if (message) onEvent({ type: 'warning', message });

  let saved = start;
  const save = async (step: number) => {
    records?.metrics.flush();
    checkWeights(parts, step);
    const path = await saveRun(parts, { step, skipped: feed.problems });
    saved = step;
    if (!records) return;
    await records.best.write();
    const best = records.best.step;
    await pruneCheckpoints(runDir, { keep: config.checkpoint.keep, ...(best !== undefined && { best }) });
    onEvent({ type: 'saved', step, path });
  };
  const measure = async (step: number, clock: StepContext) => {
    const found = records && (await measureRun(parts, { step, clock, evalData, records, onEvent }));
    // Saving takes all ranks, so all must know whether it comes.
    const improved = ranks.share('the evaluation', found?.improved ? 'improved' : '') === 'improved';
    return { report: found?.report, improved };
  };

  const { globalBatchSize } = config.batch;
  let report: EvalReport | undefined;
  let step = start;
  let clock = plan.clock(step);
  const timer = new TrainTimer(ranks, { samplesPerStep: globalBatchSize, step });
  const alarm = new CollapseAlarm();
  const over = () => budget.over(plan.cost(clock));
  try {
    while (!over() && !ranks.anyWants(signal?.aborted ?? false)) {
      const { progress: before } = clock;
      const batch = await feed.next();
      if (await probeIfDue(parts, { clock, batch, feed, timer, onEvent })) clock = plan.clock(step);
      const now = clock;
      const log = (step + 1) % plan.logEvery === 0 || step + 1 === plan.totalSteps(step);
      const values = scope(() => trainStep(parts, batch.onDevice(), now, { log }));
      batch.release();
      budget.spend({ seconds: timer.lap(budget), ...plan.cost(now) });
      clock = plan.clock(++step);
      if (values) {
        const skipped = feed.problems.count;
        const row = { step, ...values, ...clockRow(now, plan), ...timer.rates(step), skipped };
        checkFinite(row, runDir);
        records?.metrics.write(row);
        onEvent({ type: 'log', row, totalSteps: plan.totalSteps(step), samples: step * globalBatchSize });
        const message = alarm.heard(row);
        if (message) onEvent({ type: 'warning', message });
      }
      const at = { step, before, after: clock.progress };
      const last = over();
      await timer.pause(async () => {
        const measured = last || plan.evaluate(at) ? await measure(step, clock) : undefined;
        report = measured?.report ?? report;
        if (last || measured?.improved || plan.save(at)) await save(step);
      });
      await setImmediate(); // signals, timers and sockets get their turn
    }
    if (saved !== step) await save(step);
    // A launcher ends the others when one rank ends with a code, and rank 0 may still be saving.
    ranks.barrier('the end');
  } finally {
    await feed.close();
    records?.metrics.close();
  }
  return {
    runDir,
    step,
    totalSteps: plan.totalSteps(step),
    finished: over(),
    ...(report && { report }),
    skipped: feed.problems,
  };
}

async function measureRun(
  { encoder, plan }: RunParts,
  {
    step,
    clock,
    evalData,
    records,
    onEvent,
  }: {
    step: number;
    /** After the step. */
    clock: StepContext;
    evalData: EvalData;
    records: Records;
    onEvent: (event: TrainEvent) => void;
  },
) {
  const report = await evaluate(evalData, encoder);
  const values = evalMetrics(report);
  if (Object.keys(values).length > 0) records.metrics.write({ step, ...spentRow(clock, plan), ...values });
  onEvent({ type: 'evaluated', step, report });
  return { report, improved: records.best.take(step, values) };
}

/** Where a run starts: at its beginning, or at the checkpoint to resume. */
async function resumeStart(
  parts: RunParts,
  { resume, onEvent }: TrainOptions,
): Promise<{ step: number; skipped: Problems }> {
  const beginning = { step: 0, skipped: { count: 0, first: [] } };
  if (!resume) return beginning;
  const { runDir } = parts;
  const warn = (message: string) => onEvent?.({ type: 'warning', message });
  const found = await findCheckpoint(runDir, resume, { flag: '--resume', onDamaged: warn });
  if (!found) {
    warn(`${runDir} has no checkpoint: the run starts from the beginning`);
    return beginning;
  }
  const { skipped } = await restoreRun(parts, found.path);
  parts.ranks.barrier('the resume');
  const removed = parts.ranks.rank === 0 ? await removeLater(runDir, found.step) : [];
  for (const { path } of removed) warn(`${path} is removed: its steps are run again`);
  return { step: found.step, skipped };
}

/** What to say of a precision that this processor has no arithmetic for. */
function slowPrecision({ config: { precision }, device }: RunParts): string | undefined {
  if (device !== 'cpu' || precision !== 'bfloat16') return undefined;
  const gain = bfloat16Gain();
  if (gain > 0.5) return undefined;
  return `this processor is ${(1 / gain).toFixed(0)} times slower in bfloat16 than in float32: stop, and set precision to 'float32'`;
}

function factsOf({ runDir, device, config, method, dataset }: RunParts): RunFacts {
  const parameters = [...method.model.values()].reduce((sum, tensor) => sum + tensor.size, 0);
  return {
    runDir,
    device,
    precision: config.precision,
    parameters,
    samples: dataset.size,
    skipped: dataset.problems,
  };
}
