import type { Candidate } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import type { Budget } from '../time/budget.ts';

/** One for the first choice, two to correct it. */
const MIN_PROBES = 3;
export const BATCHES_PER_PROBE = 2;

export interface AllowanceContext {
  budget: Pick<Budget, 'unit' | 'total'>;
  /** The whole sequence first. */
  grid: readonly Candidate[];
  globalBatchSize: number;
  /** Share of the run. */
  overhead: number;
  /** Seconds of a step by the config's `stepTimes`. */
  secondsOf?: (candidate: Candidate) => number;
}

/** Forwards unless the budget is in seconds: a resume repeats them exactly. */
export const unitOf = ({ unit }: Pick<Budget, 'unit'>): 'seconds' | 'forwards' =>
  unit === 'seconds' ? 'seconds' : 'forwards';

/** @equation FastCL 2: compute of probes p <= overhead (p + steps), in forwards or seconds; at progress s the share min(1, sqrt(4/3 s)) of it is available (ours) */
export const probeForwards = (candidates: readonly Candidate[], globalBatchSize: number): number =>
  BATCHES_PER_PROBE * globalBatchSize * candidates.reduce((sum, { cost }) => sum + cost, 0);

/** One step per gradient. Undefined without step times. */
export const probeSeconds = (
  candidates: readonly Candidate[],
  { secondsOf }: Pick<AllowanceContext, 'secondsOf'>,
): number | undefined =>
  secondsOf && BATCHES_PER_PROBE * candidates.reduce((sum, candidate) => sum + secondsOf(candidate), 0);

/** In unitOf(). @param context.pace seconds per forward, without step times */
export function probeCost(
  candidates: readonly Candidate[],
  context: AllowanceContext & { pace: number },
): number {
  const forwards = probeForwards(candidates, context.globalBatchSize);
  if (unitOf(context.budget) === 'forwards') return forwards;
  return probeSeconds(candidates, context) ?? forwards * context.pace;
}

/**
 * Greatest cost of all probes, in unitOf(). `least`: if all steps are the shortest.
 * @equation FastCL 2: compute of probes p <= overhead (p + steps), in forwards or seconds; at progress s the share min(1, sqrt(4/3 s)) of it is available (ours)
 */
export function allowanceOf({ budget: { unit, total }, grid, globalBatchSize, overhead }: AllowanceContext) {
  if (unit === 'seconds') return { least: overhead * total, most: overhead * total };
  const step = (cost: number) => cost * globalBatchSize;
  const whole = step(grid[0].cost);
  if (unit === 'forwards') {
    const least = overhead * (total - whole); // the last step may not fit
    return { least, most: least };
  }
  // probes <= overhead (probes + steps)
  const allowed = (steps: number) => (overhead / (1 - overhead)) * steps;
  const lightest = Math.min(...grid.map(({ cost }) => step(cost)));
  return { least: allowed(total * lightest), most: allowed(total * whole) };
}

const REMEDY = 'list fewer tokenDropout or patchSize values, or raise overhead.';

/** Throws a CoupletError for a run that cannot pay for MIN_PROBES. Without seconds: their cost is not known yet. */
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

/** Throws a CoupletError when the first probe exceeds the allowance. */
export function checkFirstProbe(seconds: number, { budget: { total }, overhead }: AllowanceContext): void {
  if (seconds <= overhead * total) return;
  throw new CoupletError(
    `compression.online: this run is too short. The first probe takes ${seconds.toPrecision(3)} s, and overhead ${overhead} of ${total} s allows ${(overhead * total).toPrecision(3)} s. Train longer, ${REMEDY}`,
  );
}

const roundedUp = (times: number) => (times < 10 ? Math.ceil(times * 10) / 10 : Math.ceil(times));
