// What a run writes down besides its checkpoints.

import { removeStale, writeFileAtomically } from '../io/atomic.ts';
import { runPaths } from '../io/checkpoint-files.ts';
import { MetricsWriter, readMetrics } from '../io/metrics.ts';
import type { StepContext } from '../time/clock.ts';
import { Best } from './best.ts';
import type { RunParts } from './build.ts';
import type { Plan } from './plan.ts';

/** What rank 0 writes down. */
export interface Records {
  metrics: MetricsWriter;
  best: Best;
}

/** What a run writes down besides its checkpoints: the config, the metrics up to `start`, and which step is the best. */
export async function openRecords(
  { config, runDir, ranks }: RunParts,
  start: number,
): Promise<Records | undefined> {
  if (ranks.rank > 0) return undefined;
  const paths = runPaths(runDir);
  await removeStale(runDir);
  await writeFileAtomically(paths.config, `${JSON.stringify(config, null, 2)}\n`);
  const metrics = new MetricsWriter(paths.metrics, start > 0 ? { resumeStep: start } : {});
  const best = new Best(runDir, config.evaluate.bestBy);
  await best.restore(readMetrics(paths.metrics));
  return { metrics, best };
}

/** What a row of metrics says of the step's clock, and of the budget after it. */
export function clockRow(clock: StepContext, plan: Plan): Record<string, number> {
  const { lr, compression } = clock;
  return {
    lr,
    ...spentRow(clock, plan),
    ...(compression && { token_dropout: compression.tokenDropout, patch_size: compression.patchSize }),
    ...plan.online?.row(),
  };
}

/** How far a run is at a clock, and what it has spent. */
export function spentRow({ epoch }: StepContext, { budget: { spent } }: Plan): Record<string, number> {
  return {
    epoch,
    train_seconds: spent.seconds,
    ...(spent.forwards > 0 && { forwards: spent.forwards }), // where the method counts them
  };
}
