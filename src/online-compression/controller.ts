// Keeps the state of an online run; rule.ts decides.
import type { Candidate, Compression } from '../compress/index.ts';
import type { Schedule } from '../time/schedules.ts';
import {
  type AllowanceContext,
  BATCHES_PER_PROBE,
  checkAllowance,
  checkFirstProbe,
  probeForwards,
  probeSeconds,
  unitOf,
} from './allowance.ts';
import { averageOf, type Probe, withProbe } from './averages.ts';
import { type ChoiceContext, choose, errorOf, isDue, openCandidates } from './rule.ts';
import {
  firstState,
  fromSaved,
  type OnlineState,
  type ProbeSpent,
  type RunBudget,
  type SavedOnlineState,
  toSaved,
} from './state.ts';

export interface OnlineContext extends AllowanceContext {
  budget: RunBudget;
  /** Default 0. */
  firstStep?: number;
  gradientCompute: number;
  /** Learning rate over its peak; default 1. */
  rateShare?: Schedule;
}

export class OnlineCompression {
  readonly #context: OnlineContext;
  #state: OnlineState;

  /** Throws a CoupletError for a run that cannot pay for its probes. */
  constructor(context: OnlineContext) {
    checkAllowance(context);
    this.#context = context;
    this.#state = firstState(context.grid[0], context.firstStep ?? 0);
    const { probeSeconds } = this;
    if (unitOf(context.budget) === 'seconds' && probeSeconds !== undefined)
      checkFirstProbe(probeSeconds, context);
  }

  /** Of the next step; whole sequences before the first probe. */
  get current(): Compression {
    const { tokenDropout, patchSize } = this.#state.current;
    return { tokenDropout, patchSize };
  }

  /** Of the next probe, the whole sequence first. */
  get candidates(): Candidate[] {
    return openCandidates(this.#state, this.#context.grid);
  }

  get probeForwards(): number {
    return probeForwards(this.candidates, this.#context.globalBatchSize);
  }

  get probeSeconds(): number | undefined {
    return probeSeconds(this.candidates, this.#context);
  }

  isDue(step: number): boolean {
    return isDue(this.#state, { ...this.#context, step });
  }

  /**
   * Chooses again. Returns false for a probe that is not finite: it is paid for, not used. Throws a CoupletError when the first
   * probe exceeds the allowance in seconds.
   * @param options.step of its first batch
   */
  add(probe: Probe, { step, spent: { forwards, seconds } }: { step: number; spent: ProbeSpent }): boolean {
    const { budget } = this.#context;
    const before = this.#state;
    if (unitOf(budget) === 'seconds' && before.spent.forwards === 0) checkFirstProbe(seconds, this.#context);
    const averages = withProbe(before.averages, probe, budget.progress);
    this.#state = {
      ...before,
      nextStep: step + BATCHES_PER_PROBE,
      spent: { forwards: before.spent.forwards + forwards, seconds: before.spent.seconds + seconds },
      pace: seconds / forwards,
    };
    if (!averages) return false;
    const current = choose(averages, { ...this.#choiceContext, candidates: this.candidates });
    this.#state = { ...this.#state, averages, current, usableProbes: before.usableProbes + 1 };
    return true;
  }

  get #choiceContext(): Omit<ChoiceContext, 'candidates'> {
    const { grid, globalBatchSize, gradientCompute, budget, rateShare = () => 1 } = this.#context;
    return { whole: grid[0], globalBatchSize, gradientCompute, rateShare: rateShare(budget.progress) };
  }

  /** Metrics: share of probes in the run, and the current candidate's averages over |G|^2. */
  row(): Record<string, number> {
    const { budget, grid } = this.#context;
    const { current, averages, spent } = this.#state;
    const unit = unitOf(budget);
    const row = { 'probe/share': budget.spent[unit] > 0 ? spent[unit] / budget.spent[unit] : 0 };
    const average = averageOf(current, averages);
    const gradientSquared = averages.gradientSquared / averages.weight;
    if (!average || !(gradientSquared > 0)) return row; // the estimate may be negative
    const error = (candidate: Candidate) => errorOf(candidate, averages, this.#choiceContext);
    return {
      ...row,
      'probe/bias_squared': average.biasSquared / gradientSquared,
      'probe/variance': average.variance / gradientSquared,
      'probe/error': error(current) / gradientSquared,
      'probe/error_whole': error(grid[0]) / gradientSquared,
    };
  }

  state(): SavedOnlineState {
    return toSaved(this.#state);
  }

  /** Throws a CoupletError for a checkpoint of another run. */
  restore(saved: unknown, path: string): void {
    this.#state = fromSaved(saved, { grid: this.#context.grid, path });
  }
}
