// THE ONLINE RULE: the compression of the next steps, and whether a probe is due. Pure functions.
//
//   choose   argmin_c  max(0, Bias_c^2) + rho cost_c / (gradientCompute B cost_whole) Var_c     (Lin et al. 2024, section 5)
//            Bias_c^2, Var_c: averages over probes (averages.ts). B: global batch. rho: learning rate over its peak, since small steps
//            average noise and not bias (Smith and Le 2018).
//   isDue    spent + next <= max(A min(1, sqrt(progress / ALLOWANCE_SPENT_BY)), overhead S)
//            spent, next: cost of the probes so far and of the next one. A: allowance of all probes. S: what the run has spent.
import type { Candidate } from '../compress/index.ts';
import { adjustedValue } from '../gradient-error/estimate.ts';
import {
  type AllowanceContext,
  allowanceOf,
  BATCHES_PER_PROBE,
  probeCost,
  probeForwards,
  unitOf,
} from './allowance.ts';
import { type Averages, averageOf } from './averages.ts';
import type { OnlineState, RunBudget } from './state.ts';

/** Usable probes with a free choice: one noisy probe must not exclude cheaper candidates. */
const FREE_PROBES = 3;
/** Progress. Early, since the best compression changes most at the start. */
const ALLOWANCE_SPENT_BY = 3 / 4;

/** After the free probes only dearer ones, as the optimum becomes dearer. */
export function openCandidates(
  { current, usableProbes }: Pick<OnlineState, 'current' | 'usableProbes'>,
  grid: readonly Candidate[],
): Candidate[] {
  return grid.filter(
    (candidate) => usableProbes < FREE_PROBES || candidate === current || candidate.cost > current.cost,
  );
}

export interface ChoiceContext {
  /** The open ones. */
  candidates: readonly Candidate[];
  whole: Candidate;
  globalBatchSize: number;
  /** Compute of one gradient; 1 is a full batch on whole sequences. */
  gradientCompute: number;
  /** rho */
  rateShare: number;
}

/** @equation FastCL 2: choice while training: argmin of Bias^2 + rho Cost / Budget Var, rho the learning rate over its peak (ours) */
export function choose(averages: Averages, context: ChoiceContext): Candidate {
  const errors = context.candidates.map((candidate) => errorOf(candidate, averages, context));
  return context.candidates[errors.indexOf(Math.min(...errors))];
}

/** Infinite before a candidate's first probe. */
export function errorOf(
  candidate: Candidate,
  averages: Averages,
  { whole, globalBatchSize, gradientCompute, rateShare }: Omit<ChoiceContext, 'candidates'>,
): number {
  const average = averageOf(candidate, averages);
  const forwards = gradientCompute * globalBatchSize * whole.cost;
  return average ? adjustedValue(average, (rateShare * candidate.cost) / forwards) : Number.POSITIVE_INFINITY;
}

/** Whether a probe comes before `step`. */
export function isDue(
  state: OnlineState,
  context: AllowanceContext & { budget: RunBudget; step: number },
): boolean {
  const { budget, grid, globalBatchSize, overhead, step } = context;
  const candidates = openCandidates(state, grid);
  if (step < state.nextStep || candidates.length === 1) return false;
  // The run must still be able to train on both batches.
  const steps = BATCHES_PER_PROBE * globalBatchSize * grid[0].cost;
  const forwards = probeForwards(candidates, globalBatchSize) + steps;
  if (budget.isExceededBy({ steps: BATCHES_PER_PROBE, forwards })) return false;
  if (state.spent.forwards === 0) return true; // the first probe is always allowed
  const unit = unitOf(budget);
  const allowed = allowanceOf(context).least * Math.min(1, Math.sqrt(budget.progress / ALLOWANCE_SPENT_BY));
  // The second term is larger when a budget in steps buys dear steps.
  return (
    state.spent[unit] + probeCost(candidates, { ...context, pace: state.pace }) <=
    Math.max(allowed, overhead * budget.spent[unit])
  );
}
