// How much of a run probes may take.
import type { Candidate } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import type { Budget } from '../time/budget.ts';

/** Probes that a run must be able to pay for: one for the first choice, two to correct it. */
const MIN_PROBES = 3;
export const BATCHES_PER_PROBE = 2;

export interface AllowanceContext {
  budget: Pick<Budget, 'unit' | 'total'>;
  /** All candidates, the whole sequence first. */
  grid: readonly Candidate[];
  globalBatchSize: number;
  /** Share of the run that probes may take. */
  overhead: number;
  /** Seconds of a step, where the config has `stepTimes`. */
  secondsOf?: (candidate: Candidate) => number;
}

/** Probes count in seconds where the budget does, else in forwards, which a resumed run repeats exactly. */
export const unitOf = ({ unit }: Pick<Budget, 'unit'>): 'seconds' | 'forwards' =>
  unit === 'seconds' ? 'seconds' : 'forwards';

/** Cost of a probe of these candidates, in forwards. */
export const probeForwards = (candidates: readonly Candidate[], globalBatchSize: number): number =>
  BATCHES_PER_PROBE * globalBatchSize * candidates.reduce((sum, { cost }) => sum + cost, 0);

/** Seconds of a probe by the table of step times, as many steps as it takes gradients; undefined without a table. */
export const probeSeconds = (
  candidates: readonly Candidate[],
  { secondsOf }: Pick<AllowanceContext, 'secondsOf'>,
): number | undefined =>
  secondsOf && BATCHES_PER_PROBE * candidates.reduce((sum, candidate) => sum + secondsOf(candidate), 0);

/**
 * Cost of a probe in the unit of the allowance.
 * @param context.pace seconds per forward, where there is no table of step times
 */
export function probeCost(
  candidates: readonly Candidate[],
  context: AllowanceContext & { pace: number },
): number {
  const forwards = probeForwards(candidates, context.globalBatchSize);
  if (unitOf(context.budget) === 'forwards') return forwards;
  return probeSeconds(candidates, context) ?? forwards * context.pace;
}

/**
 * The cost that all probes together may have: seconds where they are the budget, else forwards. `least` holds for any choice of the run:
 * a budget in steps buys less compute on short sequences.
 */
export function allowanceOf({ budget: { unit, total }, grid, globalBatchSize, overhead }: AllowanceContext) {
  if (unit === 'seconds') return { least: overhead * total, most: overhead * total };
  const step = (cost: number) => cost * globalBatchSize;
  const whole = step(grid[0].cost);
  if (unit === 'forwards') {
    const least = overhead * (total - whole); // less than a step may be left over
    return { least, most: least };
  }
  // probes <= overhead (probes + steps)
  const beside = (steps: number) => (overhead / (1 - overhead)) * steps;
  const lightest = Math.min(...grid.map(({ cost }) => step(cost)));
  return { least: beside(total * lightest), most: beside(total * whole) };
}

const REMEDY = 'list fewer tokenDropout or patchSize values, or raise overhead.';

/** Throws a CoupletError for a run that cannot pay for MIN_PROBES. A budget in seconds passes: the cost of a probe is not known yet. */
export function checkAllowance(context: AllowanceContext): void {
  const { budget, grid, globalBatchSize, overhead } = context;
  if (budget.unit === 'seconds') return;
  const { least, most } = allowanceOf(context);
  const probe = probeForwards(grid, globalBatchSize);
  const times = Math.max(probe / least, (MIN_PROBES * probe) / most);
  if (least > 0 && times <= 1) return;
  const steps = (probe / (grid[0].cost * globalBatchSize)).toPrecision(2);
  const longer = least > 0 ? `${roundedUp(times)} times as long` : 'much longer';
  throw new CoupletError(
    `compression.online: this run is too short. One probe of ${grid.length} compressions costs ${steps} training steps, and overhead ${overhead} cannot pay for ${MIN_PROBES} probes. Train ${longer}, ${REMEDY}`,
  );
}

/** Throws a CoupletError when the first probe takes more seconds than all probes may. */
export function checkFirstProbe(seconds: number, { budget: { total }, overhead }: AllowanceContext): void {
  if (seconds <= overhead * total) return;
  throw new CoupletError(
    `compression.online: this run is too short. The first probe takes ${seconds.toPrecision(3)} s, and overhead ${overhead} of ${total} s allows ${(overhead * total).toPrecision(3)} s. Train longer, ${REMEDY}`,
  );
}

const roundedUp = (times: number) => (times < 10 ? Math.ceil(times * 10) / 10 : Math.ceil(times));
