// How much of a run may go into probes.

import type { Candidate } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import type { Budget } from '../time/budget.ts';

/** A run that cannot pay for so many has nothing of them: the first choice, and two to correct it by. */
const FEWEST = 3;
/** Batches of a probe. */
export const BATCHES = 2;

export interface AllowanceContext {
  /** What the run may spend. */
  budget: Pick<Budget, 'unit' | 'total'>;
  /** All that it may choose from, the whole sequence first. */
  grid: readonly Candidate[];
  globalBatchSize: number;
  /** Share of the run. */
  overhead: number;
  /** What a step takes under a candidate, where a table says so (config `stepTimes`). */
  secondsOf?: (candidate: Candidate) => number;
}

/** What a probe of these candidates costs, in forwards. */
export const probeForwards = (candidates: readonly Candidate[], globalBatchSize: number): number =>
  BATCHES * globalBatchSize * candidates.reduce((sum, { cost }) => sum + cost, 0);

/**
 * What all probes together may cost: in seconds where they are the budget, else in forwards. `least` holds however the run chooses: a
 * budget in steps buys less compute on short sequences.
 */
export function allowanceOf({ budget: { unit, total }, grid, globalBatchSize, overhead }: AllowanceContext) {
  if (unit === 'seconds') return { least: overhead * total, most: overhead * total };
  const step = (cost: number) => cost * globalBatchSize;
  const whole = step(grid[0].cost);
  if (unit === 'forwards') {
    const least = overhead * (total - whole); // less than a step may be left over
    return { least, most: least };
  }
  // p <= overhead (p + steps): what the steps leave to probes.
  const beside = (steps: number) => (overhead / (1 - overhead)) * steps;
  const lightest = Math.min(...grid.map(({ cost }) => step(cost)));
  return { least: beside(total * lightest), most: beside(total * whole) };
}

/** Throws a CoupletError for a run whose share for probes does not pay for the fewest that make sense. Of seconds nobody knows it yet. */
export function checkAllowance(context: AllowanceContext): void {
  const { budget, grid, globalBatchSize, overhead } = context;
  if (budget.unit === 'seconds') return;
  const { least, most } = allowanceOf(context);
  const probe = probeForwards(grid, globalBatchSize);
  const times = Math.max(probe / least, (FEWEST * probe) / most);
  if (least > 0 && times <= 1) return;
  const steps = (probe / (grid[0].cost * globalBatchSize)).toPrecision(2);
  const longer = least > 0 ? `${roundedUp(times)} times as long` : 'much longer';
  throw new CoupletError(
    `compression.online: a probe of ${grid.length} candidates costs as much as ${steps} steps on whole sequences, and a share of ${overhead} of this run does not pay for the few that it needs: give a duration ${longer}, fewer tokenDropout and patchSize, or a larger overhead.`,
  );
}

/** Throws a CoupletError when the first probe takes, or took, more than all may. */
export function checkFirstProbe(seconds: number, { budget: { total }, overhead }: AllowanceContext): void {
  if (seconds <= overhead * total) return;
  throw new CoupletError(
    `compression.online: the first probe takes ${seconds.toPrecision(3)} s, more than the ${(overhead * total).toPrecision(3)} s that a share of ${overhead} of ${total} s is: give a longer duration, fewer tokenDropout and patchSize, or a larger overhead.`,
  );
}

const roundedUp = (times: number) => (times < 10 ? Math.ceil(times * 10) / 10 : Math.ceil(times));
