// couplet analyze: how far each compressed gradient of a run is from the true one, stage by stage.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type RunConfig } from '../config/index.ts';
import { hash32 } from '../data/random.ts';
import { alone } from '../dist/index.ts';
import { CoupletError } from '../errors.ts';
import { writeFileAtomically } from '../io/atomic.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import { planOf } from '../plan.ts';
import { restoreRun } from '../resume.ts';
import { buildRun, namedModel, openTrainData, prepareProcess, type RunParts } from '../run.ts';
import { deviceMemory } from '../torch/index.ts';
import { adamStateOf } from './adam-scale.ts';
import { measureStage } from './measure.ts';
import { Meter } from './meter.ts';
import { AnalysisRecord } from './record.ts';
import { Samples } from './samples.ts';
import type { Analysis } from './schema.ts';
import { type GridOptions, type Settings, type Strategy, settingsOf } from './settings.ts';
import { findStages, type Stage } from './stages.ts';
import { summaryOf } from './summary.ts';

/** What happens in an analysis, for whoever shows it. */
export type AnalyzeEvent =
  | { type: 'start'; stages: Stage[]; settings: Settings; left: number }
  | { type: 'batch'; share: number; strategy: Strategy; done: number; secondsLeft: number }
  | {
      type: 'pass';
      share: number;
      strategy: Strategy;
      kind: 'point' | 'control';
      left: number;
      seconds: number;
    }
  | { type: 'warning'; message: string };

export interface AnalyzeOptions extends GridOptions {
  /** The analysis; default analysis.json in the run's folder. What it can be taken up from is beside it, as .jsonl. */
  out?: string;
  /** `path=value` changes to the saved config, e.g. another device. */
  set?: readonly string[];
  /** Aborting it ends between two sub-batches; what is done is kept. */
  signal?: AbortSignal;
  onEvent?: (event: AnalyzeEvent) => void;
}

/** Of the device's memory, what views may take to be read once only; the control's come on top. */
const VIEWS_SHARE = 1 / 16;
/** Tells the seed of an analysis from those of runs. */
const SALT = 0x5eed;

/**
 * Measures bias, variance and cost-adjusted error of every strategy of a grid at several checkpoints of a run (section 2), and writes
 * them to analysis.json. Started again, it goes on where it stopped. Returns undefined when the signal ended it before its end.
 * Throws a CoupletError for what a person can mend.
 */
export async function analyzeRun(
  runDir: string,
  options: AnalyzeOptions = {},
): Promise<Analysis | undefined> {
  const config = await configOf(runDir, options.set);
  const out = options.out ?? join(runDir, 'analysis.json');
  if (!out.endsWith('.json')) throw new CoupletError(`--out ${out}: expected a name that ends in .json.`);
  const model = namedModel(config);
  const device = prepareProcess(config);
  const dataset = await openTrainData(config);
  try {
    const { size: datasetSize } = dataset;
    const settings = settingsOf(options, { config, model, datasetSize });
    const plan = planOf(config, { datasetSize, model });
    const stages = await findStages(runDir, { shares: settings.shares, budget: plan.budget });
    const record = new AnalysisRecord(recordPath(out), {
      version: 1,
      settings,
      stages: stages.map(({ step, spent }) => ({ step, seconds: spent.seconds })),
      config: { ...config, device: undefined, data: { ...config.data, workers: undefined } },
    });
    const context = { config, device, settings, stages, record, datasetSize };
    if (
      !(await measureAll(context, {
        options,
        open: () => buildRun(config, { runDir, dataset, device, ranks: alone, plan }),
      }))
    )
      return undefined;
    const analysis = summaryOf(context);
    await writeFileAtomically(out, `${JSON.stringify(analysis, null, 1)}\n`);
    for (const message of doubts(analysis)) options.onEvent?.({ type: 'warning', message });
    return analysis;
  } finally {
    dataset.close();
  }
}

/** The record of an analysis, beside it. */
export const recordPath = (out: string): string => `${out}l`;

async function configOf(runDir: string, set: readonly string[] = []): Promise<RunConfig> {
  const { config } = runPaths(runDir);
  if (existsSync(config)) return loadConfig(config, { set });
  throw new CoupletError(
    `${runDir} is no run: it has no config.json. Give the folder that couplet train wrote, such as runs/NAME.`,
  );
}

/** What an analysis is made of. */
export interface AnalysisContext {
  config: RunConfig;
  device: string;
  settings: Settings;
  stages: Stage[];
  record: AnalysisRecord;
  datasetSize: number;
}

/** All passes that are left, and their lines in the record. Whether none is left. */
async function measureAll(
  context: AnalysisContext,
  { options, open }: { options: AnalyzeOptions; open: () => Promise<RunParts> },
): Promise<boolean> {
  const { settings, stages, record } = context;
  const { signal, onEvent = () => {} } = options;
  const meter = new Meter(context);
  onEvent({ type: 'start', stages, settings, left: meter.left });
  if (meter.left === 0) return true;
  const parts = await open();
  const [samples, others] = [0, settings.samples / settings.subBatch].map((first) =>
    samplesOf(parts, { context, first }),
  );
  try {
    for (const stage of stages) {
      if (!meter.anyLeft(stage)) continue;
      if (stage.path) await restoreRun(parts, stage.path);
      const measured = measureStage(
        {
          ...context,
          method: parts.method,
          clock: parts.plan.clock(stage.step),
          moment: `${Math.round(stage.share * 100)} % of the run (step ${stage.step})`,
          samples,
          others,
          ...(settings.adam && { adam: adamStateOf(parts) }),
          ...(signal && { signal }),
          onBatch: (strategy) => {
            const { done, secondsLeft } = meter.batch(strategy);
            onEvent({ type: 'batch', share: stage.share, strategy, done, secondsLeft });
          },
        },
        (kind, strategy) => meter.isLeft(stage, { kind, ...strategy }),
      );
      for await (const { kind, strategy, moments } of measured) {
        const { tokenDropout, patchSize } = strategy;
        const spent = meter.lap();
        meter.finish(stage, { kind, ...strategy });
        record.add({ kind, step: stage.step, tokenDropout, patchSize, moments, ...spent });
        onEvent({
          type: 'pass',
          share: stage.share,
          strategy,
          kind,
          left: meter.left,
          seconds: spent.seconds,
        });
      }
      if (signal?.aborted) return false;
    }
    return true;
  } finally {
    record.add({ kind: 'spent', ...meter.lap() });
    for (const each of [samples, others]) each.dispose();
    parts.recorded?.dispose();
    parts.averager.dispose();
    parts.method.dispose();
    parts.optimizer.dispose();
  }
}

function samplesOf(
  { config, dataset, model, device, encoder, tokenizer }: RunParts,
  { context: { settings }, first }: { context: AnalysisContext; first: number },
): Samples {
  return new Samples({
    config,
    dataset,
    model,
    device,
    workers: encoder.workers,
    ...(tokenizer && { tokenizer }),
    subBatch: settings.subBatch,
    first,
    count: settings.samples / settings.subBatch,
    seed: hash32([config.seed, SALT, settings.seed]),
    keepBytes: VIEWS_SHARE * deviceMemory(device),
  });
}

/** What speaks against the numbers. */
function doubts({ stages, settings: { samples, datasetSize } }: Analysis): string[] {
  const found: string[] = [];
  if (2 * samples > datasetSize)
    found.push(
      `${2 * samples} samples, the control's among them, are more than the ${datasetSize} of the data: pictures come again with other crops, and intervals are of crops more than of pictures`,
    );
  for (const { share, groups } of stages)
    for (const [name, { gradientSquared, control }] of Object.entries(groups)) {
      const where = `at ${Math.round(share * 100)} % (${name})`;
      if (gradientSquared.low <= 0)
        found.push(
          `${where} the true gradient cannot be told from zero: its errors mean little; raise --samples`,
        );
      if (control && (control.low > 0 || control.high < 0))
        found.push(
          `${where} whole sequences on other samples seem biased, which one interval in twenty does by chance`,
        );
    }
  return found;
}
