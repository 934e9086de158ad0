// THE STORY: config -> data -> method -> step -> evaluation -> checkpoint. No method is named here.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Best } from './best.ts';
import type { Budget } from './budget.ts';
import type { RunConfig } from './config/index.ts';
import type { Dataset, Problems } from './data/index.ts';
import { type Ranks, ranksFromEnvironment } from './dist/index.ts';
import { CoupletError } from './errors.ts';
import {
  checkBestBy,
  closeEvalData,
  type EvalData,
  type EvalReport,
  evalMetrics,
  evaluate,
  openEvalData,
} from './evaluate/evaluate.ts';
import { openFeed } from './feeds.ts';
import { removeStale, writeFileAtomically } from './io/atomic.ts';
import { pruneCheckpoints, runPaths } from './io/checkpoint-files.ts';
import { MetricsWriter, readMetrics } from './io/metrics.ts';
import { lockRun } from './io/run-lock.ts';
import { planOf, withStages } from './plan.ts';
import { checkSameRun, findCheckpoint, removeLater, restoreRun } from './resume.ts';
import {
  buildRun,
  meetRanks,
  namedModel,
  openTrainData,
  prepareProcess,
  type RunParts,
  refuseExisting,
  saveRun,
} from './run.ts';
import type { Clock } from './schedules.ts';
import { memoryStats, noGrad, scope } from './torch/index.ts';
import * as ops from './torch/ops.ts';
import { trainStep } from './train-step.ts';

/** What happens in a run, for whoever shows it. */
export type TrainEvent =
  | { type: 'holding'; done: number; total: number } // pictures decoded for the device to hold, before the start
  | { type: 'start'; step: number; totalSteps: number; facts: RunFacts }
  | { type: 'log'; row: Record<string, number>; totalSteps: number; samples: number }
  | { type: 'evaluated'; step: number; report: EvalReport }
  | { type: 'saved'; step: number; path: string }
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
    parts?.recorded?.dispose();
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
  const feed = await openFeed({
    ...parts,
    workers: parts.encoder.workers,
    startStep: start,
    skipped,
    onHold: (done, total) => onEvent({ type: 'holding', done, total }),
  });
  const records = await openRecords(parts, start).catch(async (error) => {
    await feed.close();
    throw error;
  });
  onEvent({ type: 'start', step: start, totalSteps: plan.totalSteps(start), facts: factsOf(parts) });

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
  const measure = async (step: number) => {
    const found = records && (await measureRun(parts, { step, evalData, records, onEvent }));
    // Saving takes all ranks, so all must know whether it comes.
    const improved = ranks.share('the evaluation', found?.improved ? 'improved' : '') === 'improved';
    return { report: found?.report, improved };
  };

  const { globalBatchSize } = config.batch;
  let report: EvalReport | undefined;
  let step = start;
  let collapsed = false;
  let clock = plan.clock(step);
  const log = new LogTimer(globalBatchSize, start);
  const timer = new StepTimer();
  ranks.resetBytes();
  const over = () => budget.over(plan.cost(clock));
  try {
    while (!over() && !ranks.anyWants(signal?.aborted ?? false)) {
      const { lr, epoch, progress: before } = clock;
      const now = clock;
      const cost = plan.cost(clock);
      const wanted = (step + 1) % plan.logEvery === 0 || step + 1 === plan.totalSteps(step);
      const batch = await feed.next();
      const values = scope(() => trainStep(parts, batch.onDevice(), { ...clock, wanted }));
      batch.release();
      budget.spend({ ...cost, seconds: timer.lap(budget, ranks) });
      step++;
      clock = plan.clock(step);
      if (values) {
        const rates = log.rates(step, ranks);
        const row: Record<string, number> & { step: number } = {
          step,
          ...values,
          lr,
          epoch,
          ...spentOf(plan),
          ...compressionOf(now),
          ...rates,
          skipped: feed.problems.count,
        };
        checkFinite(row, runDir);
        records?.metrics.write(row);
        onEvent({ type: 'log', row, totalSteps: plan.totalSteps(step), samples: step * globalBatchSize });
        if (row['train/collapsed'] === 1 && !collapsed) onEvent({ type: 'warning', message: collapse(step) });
        collapsed = row['train/collapsed'] === 1;
      }
      const at = { step, before, after: clock.progress };
      const last = over();
      await timer.pause(() =>
        log.pause(async () => {
          const measured = last || plan.evaluate(at) ? await measure(step) : undefined;
          report = measured?.report ?? report;
          if (last || measured?.improved || plan.save(at)) await save(step);
        }),
      );
      await setImmediate(); // signals, timers and sockets get their turn
    }
    if (saved !== step) await save(step);
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

/** What rank 0 writes down. */
interface Records {
  metrics: MetricsWriter;
  best: Best;
}

async function measureRun(
  { encoder }: RunParts,
  {
    step,
    evalData,
    records,
    onEvent,
  }: { step: number; evalData: EvalData; records: Records; onEvent: (event: TrainEvent) => void },
) {
  const report = await evaluate(evalData, encoder);
  const values = evalMetrics(report);
  if (Object.keys(values).length > 0) records.metrics.write({ step, ...values });
  onEvent({ type: 'evaluated', step, report });
  return { report, improved: records.best.take(step, values) };
}

/** What a run writes down besides its checkpoints: the config, the metrics up to `start`, and which step is the best. */
async function openRecords({ config, runDir, ranks }: RunParts, start: number): Promise<Records | undefined> {
  if (ranks.rank > 0) return undefined;
  const paths = runPaths(runDir);
  await removeStale(runDir);
  await writeFileAtomically(paths.config, `${JSON.stringify(config, null, 2)}\n`);
  const metrics = new MetricsWriter(paths.metrics, start > 0 ? { resumeStep: start } : {});
  const best = new Best(runDir, config.evaluate.bestBy);
  await best.restore(readMetrics(paths.metrics));
  return { metrics, best };
}

/** How the step's sequences were shortened, where the config shortens any. */
function compressionOf({ compression }: Clock): Record<string, number> {
  return compression ? { token_dropout: compression.tokenDropout, patch_size: compression.patchSize } : {};
}

/** What a row of metrics says of the budget: seconds of training so far, and forwards where the method counts them. */
function spentOf({ budget: { spent } }: RunParts['plan']): Record<string, number> {
  return { train_seconds: spent.seconds, ...(spent.forwards > 0 && { forwards: spent.forwards }) };
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

/** A loss that is no number any more only gets worse: stop while the last checkpoint is good. */
function checkFinite(row: Record<string, number>, runDir: string): void {
  const bad = Object.entries(row).find(([, value]) => !Number.isFinite(value));
  if (bad) throw diverged(`${bad[0]} is ${bad[1]} at step ${row.step}`, runDir);
}

/** The loss is seen on log steps only, and before the update: weights that are no numbers must not become the last checkpoint. */
function checkWeights({ method, runDir }: RunParts, step: number): void {
  const weights = [...method.model.values()].filter(({ dtype }) => dtype !== 'int64'); // counters have no norm
  const norm = noGrad(() => scope(() => ops.stack(ops._foreach_norm_Scalar(weights, 2)).sum().item()));
  if (!Number.isFinite(norm)) throw diverged(`a weight is not finite after step ${step}`, runDir);
}

function collapse(step: number): string {
  return `at step ${step} features are nearly the same for all pictures (train/feature_std, train/effective_rank): the model collapses. A lower optimizer.peakLr or a longer schedule.warmup often helps.`;
}

function diverged(what: string, runDir: string): CoupletError {
  return new CoupletError(
    `${what}: training diverged. What was saved in ${runDir} before is untouched. Start a run with a lower optimizer.peakLr, a longer schedule.warmup, or optimizer.clipGradNorm.`,
  );
}

/** The time of each step, what is done between steps left out: rank 0's where it is the budget, since ranks must stop together. */
class StepTimer {
  #since = performance.now();

  lap({ unit }: Budget, ranks: Ranks): number {
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    this.#since = now;
    return unit === 'seconds' && ranks.worldSize > 1
      ? Number(ranks.share('the time of a step', String(seconds)))
      : seconds;
  }
  /** Runs what is not training, and does not count its time. */
  async pause<T>(body: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await body();
    } finally {
      this.#since += performance.now() - start;
    }
  }
}

/** Samples per second between two log lines, evaluations and checkpoints left out. */
class LogTimer {
  readonly #perStep: number;
  #since = performance.now();
  #step: number;

  constructor(samplesPerStep: number, step: number) {
    this.#perStep = samplesPerStep;
    this.#step = step;
  }
  rates(step: number, ranks: Ranks): Record<string, number> {
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    const done = step - this.#step;
    this.#since = now;
    this.#step = step;
    const { liveTensors } = memoryStats();
    const moved = Object.entries(ranks.bytes()).map(([label, { bytesReceived }]) => [
      `bytes_per_step/${label}`,
      bytesReceived / done,
    ]);
    ranks.resetBytes();
    return {
      samples_per_second: (done * this.#perStep) / seconds,
      seconds_per_step: seconds / done,
      live_tensors: liveTensors,
      ...Object.fromEntries(moved),
    };
  }
  /** Runs what is not training, and does not count its time. */
  async pause<T>(body: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await body();
    } finally {
      this.#since += performance.now() - start;
    }
  }
}
