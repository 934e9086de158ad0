// couplet analyze: how far each compressed gradient of a run is from the true one, stage by stage.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { writeFileAtomically } from '../io/atomic.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import { alone } from '../ranks/index.ts';
import { buildRun, openTrainData } from '../run/build.ts';
import { planOf } from '../run/plan.ts';
import { prepareProcess } from '../run/process.ts';
import { resolveConfig } from '../run/resolve.ts';
import type { AnalyzeOptions } from './context.ts';
import { doubtsOf } from './doubts.ts';
import { measureAll } from './passes.ts';
import { AnalysisRecord } from './record.ts';
import type { Analysis } from './schema.ts';
import { settingsOf } from './settings.ts';
import { findStages } from './stages.ts';
import { summaryOf } from './summary.ts';

/**
 * Measures bias, variance and cost-adjusted error of every candidate of a grid at several checkpoints of a run (section 2), and writes
 * them to analysis.json. Started again, it goes on where it stopped. Returns undefined when the signal ended it before its end.
 * Throws a CoupletError for what a person can mend.
 */
export async function analyzeRun(
  runDir: string,
  options: AnalyzeOptions = {},
): Promise<Analysis | undefined> {
  const resolved = resolveConfig(await configOf(runDir, options.set));
  const { config, model } = resolved;
  const out = options.out ?? join(runDir, 'analysis.json');
  if (!out.endsWith('.json')) throw new CoupletError(`--out ${out}: expected a name that ends in .json.`);
  const device = prepareProcess(config);
  const dataset = await openTrainData(config);
  try {
    const { size: datasetSize } = dataset;
    const settings = settingsOf(options, { config, model, datasetSize });
    const plan = planOf(resolved, datasetSize);
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
        open: () => buildRun(plan, { runDir, dataset, device, ranks: alone }),
      }))
    )
      return undefined;
    const analysis = summaryOf(context);
    await writeFileAtomically(out, `${JSON.stringify(analysis, null, 1)}\n`);
    for (const message of doubtsOf(analysis)) options.onEvent?.({ type: 'warning', message });
    return analysis;
  } finally {
    dataset.close();
  }
}

/** The record of an analysis, beside it. */
export const recordPath = (out: string): string => `${out}l`;

async function configOf(runDir: string, set: readonly string[] = []): Promise<RunConfig> {
  const { config } = runPaths(runDir);
  if (existsSync(config)) return loadConfig(config, { set, saved: true });
  throw new CoupletError(
    `${runDir} is no run: it has no config.json. Give the folder that couplet train wrote, such as runs/NAME.`,
  );
}
