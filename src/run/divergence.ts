import { CoupletError } from '../errors.ts';
import { weightNotFinite } from '../nn/finite.ts';
import type { RunParts } from './build.ts';

/** Throws a CoupletError for a metric that is not finite, while the last checkpoint is still good. */
export function checkFinite(row: Record<string, number>, runDir: string): void {
  const bad = Object.entries(row).find(([, value]) => !Number.isFinite(value));
  if (bad) throw diverged(`${bad[0]} is ${bad[1]} at step ${row.step}`, runDir);
}

/** Throws a CoupletError for weights that are not finite. The loss shows them only on a later log step. */
export function checkWeights({ method, runDir }: Pick<RunParts, 'method' | 'runDir'>, step: number): void {
  const bad = weightNotFinite(method.model);
  if (bad !== undefined) throw diverged(`after step ${step} ${bad}`, runDir);
}

function diverged(what: string, runDir: string): CoupletError {
  return new CoupletError(
    `${what}: training diverged. What was saved in ${runDir} before is untouched. Start a run with a lower optimizer.peakLr, a longer schedule.warmup, or optimizer.clipGradNorm.`,
  );
}

/** Warns each time that the features of all pictures become nearly the same. */
export class CollapseAlarm {
  #collapsed = false;

  warningFor(row: Record<string, number>): string | undefined {
    const before = this.#collapsed;
    this.#collapsed = row['train/collapsed'] === 1;
    if (!this.#collapsed || before) return undefined;
    return `at step ${row.step} features are nearly the same for all pictures (train/feature_std, train/effective_rank): the model collapses. A lower optimizer.peakLr or a longer schedule.warmup often helps.`;
  }
}
