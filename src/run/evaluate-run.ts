import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { type ClassifyOptions, classify } from '../evaluate/classify.ts';
import { closeEvalData, evaluate, openEvalData } from '../evaluate/evaluate.ts';
import type { FineTuneOptions } from '../evaluate/fine-tune.ts';
import { openPair, type Sources } from '../evaluate/labelled.ts';
import type { LinearProbeOptions } from '../evaluate/linear-probe.ts';
import type { EvalReport } from '../evaluate/metrics.ts';
import { type NeighboursOptions, neighboursEvaluator } from '../evaluate/neighbours.ts';
import { evaluatorList } from '../evaluate/registry.ts';
import { type LoadedRun, type LoadRunOptions, loadRun } from './load-run.ts';
import type { Weights } from './load-weights.ts';

export interface EvaluateRunOptions extends LoadRunOptions {
  /** Evaluations on labelled pictures in place of the config's; `true` takes all defaults. */
  knn?: boolean | Partial<NeighboursOptions>;
  linear?: boolean | Partial<LinearProbeOptions>;
  fineTune?: boolean | Partial<FineTuneOptions>;
  /** Labelled pictures to learn from; default evaluate.neighbours.train, then data.train. */
  train?: Sources;
  /** Labelled pictures to measure on; default evaluate.neighbours.data, then evaluate.zeroShot.data. */
  test?: Sources;
}

export interface RunReport extends EvalReport {
  checkpoint: string;
  step: number;
  weights: Weights;
}

/**
 * Evaluates a run's checkpoint on whole sequences: as its config says under `evaluate`, or by `knn`, `linear` and `fineTune` on
 * labelled pictures. Writes nothing; fine-tuned weights are dropped. Throws a CoupletError for features that are not finite, which
 * names their cause.
 */
export async function evaluateRun(runDir: string, options: EvaluateRunOptions = {}): Promise<RunReport> {
  checkOptions(options);
  const run = await loadRun(runDir, options);
  try {
    const report = isClassification(options)
      ? await classifyRun(run, options)
      : await evaluateConfigured(run, runDir);
    if (report.notFinite !== undefined) throw new CoupletError(`${run.checkpoint}: ${report.notFinite}`);
    const { checkpoint, step, weights } = run;
    return { ...report, checkpoint, step, weights };
  } finally {
    run.close();
  }
}

const isClassification = ({ knn, linear, fineTune }: EvaluateRunOptions) =>
  Boolean(knn || linear || fineTune);

function checkOptions(options: EvaluateRunOptions): void {
  if (isClassification(options) || (!options.train && !options.test)) return;
  throw new CoupletError(
    '--train and --test name pictures for --knn, --linear and --fine-tune: add one of these. For what the config evaluates use --set.',
  );
}

async function evaluateConfigured(run: LoadedRun, runDir: string): Promise<EvalReport> {
  const data = await openEvalData(run.config.evaluate, run.config);
  try {
    if (Object.keys(data).length > 0) return await evaluate(data, run);
    throw new CoupletError(
      `The config of ${runDir} names no evaluation: add ${evaluatorList.map(({ name }) => `evaluate.${name}`).join(' or ')}, e.g. --set 'evaluate.retrieval.data={"type":"folder","path":"..."}', or use --knn, --linear or --fine-tune with --train and --test.`,
    );
  } finally {
    closeEvalData(data);
  }
}

/** Uses all training pictures: `evaluate.neighbours.samples` holds while a run trains. */
async function classifyRun(run: LoadedRun, options: EvaluateRunOptions): Promise<EvalReport> {
  const { seed } = run.config;
  const pair = await openPair({ ...pairSources(run.config, options), seed });
  try {
    return await classify(pair, run, settingsOf(run.config, options));
  } finally {
    pair.close();
  }
}

function pairSources(config: RunConfig, options: EvaluateRunOptions) {
  const { neighbours, zeroShot } = config.evaluate;
  const train = [
    { name: '--train', sources: options.train },
    { name: 'evaluate.neighbours.train', sources: neighbours?.train },
    { name: 'data.train (there is no --train)', sources: config.data.train },
  ];
  const test = [
    { name: '--test', sources: options.test },
    { name: 'evaluate.neighbours.data', sources: neighbours?.data },
    { name: 'evaluate.zeroShot.data', sources: zeroShot?.data },
  ];
  const first = (choices: { name: string; sources: Sources | undefined }[]) => {
    for (const { name, sources } of choices) if (sources) return { name, sources };
    return undefined;
  };
  const testSources = first(test);
  if (testSources) return { train: first(train)!, test: testSources };
  throw new CoupletError(
    'There are no held-out pictures to measure on: give --test FOLDER with one folder per class, or evaluate.neighbours.data.',
  );
}

const DEFAULT_NEIGHBOURS = neighboursEvaluator.options.pick({ k: true, temperature: true }).parse({});

function settingsOf(
  { seed, evaluate }: RunConfig,
  { knn, linear, fineTune }: EvaluateRunOptions,
): ClassifyOptions {
  const { k, temperature } = evaluate.neighbours ?? DEFAULT_NEIGHBOURS;
  const settings = <T extends object>(choice: boolean | T | undefined) =>
    typeof choice === 'object' ? choice : {};
  return {
    ...(knn && { neighbours: { k, temperature, ...settings(knn) } }),
    ...(linear && { linear: { seed, ...settings(linear) } }),
    ...(fineTune && { fineTune: { seed, ...settings(fineTune) } }),
  };
}
