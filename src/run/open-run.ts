import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunConfig } from '../config/index.ts';
import { runAll, withCleanUp } from '../errors.ts';
import { checkBestBy, closeEvalData, type EvalData, openEvalData } from '../evaluate/index.ts';
import { listCheckpoints, runPaths } from '../io/checkpoint-files.ts';
import { lockRun, type RunLock } from '../io/run-lock.ts';
import { WeightAverage } from '../optim/index.ts';
import { ranksFromEnvironment } from '../ranks/index.ts';
import { buildRun, disposeParts, openTrainData, type RunParts } from './build.ts';
import { planOf } from './plan.ts';
import { meetRanks, prepareProcess } from './process.ts';
import { resolveConfig } from './resolve.ts';
import { checkSameRun, refuseExisting } from './same-run.ts';

export interface OpenRun extends RunParts {
  evalData: EvalData;
  /** Of the first rank. */
  lock?: RunLock;
  /** Frees all parts, and unlocks the folder. */
  close(): void;
}

/** Checks a config, meets the other ranks, locks the run's folder, opens the data and builds all parts. */
export async function openRun(
  given: RunConfig,
  { runsDir = 'runs', resume }: { runsDir?: string; resume?: string },
): Promise<OpenRun> {
  const resolved = resolveConfig(given);
  const { config } = resolved;
  const runDir = join(runsDir, config.name);
  const place = ranksFromEnvironment();
  if (resume) checkSameRun(config, runDir);
  checkBestBy(config.evaluate);
  const device = prepareProcess(config, place);
  const ranks = meetRanks(config, device, place);
  const isWriter = ranks.rank === 0;
  const closers = [() => ranks.close()];
  const close = () => runAll(closers.splice(0).reverse());
  try {
    if (!resume && isWriter) refuseExisting(runDir);
    const lock = isWriter ? lockRun(runDir) : undefined;
    if (lock) closers.push(() => lock.unlock());
    const evalData = await openEvalData(config.evaluate, config);
    closers.push(() => closeEvalData(evalData));
    const dataset = await openTrainData(config);
    closers.push(() => dataset.close());
    ranks.checkSame('data', String(dataset.size));
    const plan = planOf(resolved, dataset.size);
    if (!resume && isWriter) await rm(runPaths(runDir).tokenizer, { force: true }); // of a run that was refused
    const startsAnew = !resume || (resume === 'latest' && (await listCheckpoints(runDir)).length === 0);
    const parts = await buildRun(plan, { runDir, dataset, device, ranks, startsAnew });
    closers.push(() => disposeParts(parts));
    const average =
      isWriter && config.emaWeights ? new WeightAverage(parts.method.params, config.emaWeights) : undefined;
    if (average) closers.push(() => average.dispose());
    return { ...parts, ...(average && { average }), ...(lock && { lock }), evalData, close };
  } catch (error) {
    const failure = ranks.failed(error);
    return withCleanUp(() => Promise.reject(failure), close);
  }
}
