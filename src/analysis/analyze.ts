import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type RunConfig } from '../config/index.ts';
import { CoupletError, withCleanUp } from '../errors.ts';
import { writeFileAtomically } from '../io/atomic.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import { alone } from '../ranks/index.ts';
import { buildRun, openTrainData } from '../run/build.ts';
import { planOf } from '../run/plan.ts';
import { prepareProcess } from '../run/process.ts';
import { resolveConfig } from '../run/resolve.ts';
import type { AnalyzeOptions } from './context.ts';
import { doubtsOf } from './doubts.ts';
import { PassLog } from './pass-log.ts';
import { measureAll } from './passes.ts';
import type { Analysis } from './schema.ts';
import { settingsOf } from './settings.ts';
import { findSnapshots } from './snapshots.ts';
import { summaryOf } from './summary.ts';

/**
 * Writes bias, variance and cost-adjusted error of each candidate at checkpoints (FastCL 2) to analysis.json. A second call
 * continues. Returns undefined when the signal stopped it. Throws a CoupletError for wrong options, a missing checkpoint or a
 * ResNet.
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
  const analyze = async () => {
    const { size: datasetSize } = dataset;
    const settings = settingsOf(options, { config, model, datasetSize });
    const plan = planOf(resolved, datasetSize);
    const snapshots = await findSnapshots(runDir, { shares: settings.shares, budget: plan.budget });
    const passLog = new PassLog(passLogPath(out), {
      version: 2,
      settings,
      snapshots: snapshots.map(({ step, spent }) => ({ step, seconds: spent.seconds })),
      config: { ...config, device: undefined, data: { ...config.data, workers: undefined } },
    });
    const startsAnew = snapshots.some(({ step }) => step === 0);
    const context = { config, device, settings, snapshots, passLog, datasetSize };
    if (
      !(await measureAll(context, {
        options,
        open: () => buildRun(plan, { runDir, dataset, device, ranks: alone, startsAnew }),
      }))
    )
      return undefined;
    const analysis = summaryOf(context);
    await writeFileAtomically(out, `${JSON.stringify(analysis, null, 1)}\n`);
    for (const message of doubtsOf(analysis)) options.onEvent?.({ type: 'warning', message });
    return analysis;
  };
  return withCleanUp(analyze, () => dataset.close());
}

export const passLogPath = (out: string): string => `${out}l`;

async function configOf(runDir: string, set: readonly string[] = []): Promise<RunConfig> {
  const { config } = runPaths(runDir);
  if (existsSync(config)) return loadConfig(config, { set, saved: true });
  throw new CoupletError(
    `${runDir} is no run: it has no config.json. Give a folder that couplet train wrote, such as runs/NAME.`,
  );
}
