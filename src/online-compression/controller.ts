// Compression that a run chooses itself: when it probes, and what it makes of probes. No tensors here (probe.ts has them).

import { type Candidate, type Compression, keyOf } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import type { Budget, Spent } from '../time/budget.ts';
import type { Schedule } from '../time/schedules.ts';
import {
  type AllowanceContext,
  allowanceOf,
  BATCHES,
  checkAllowance,
  checkFirstProbe,
  probeForwards,
} from './allowance.ts';
import { Averages, type AveragesState, type Probe } from './averages.ts';

/** After so many probes the choice is no longer free: one alone is noise, and must not close the way to cheaper candidates for good. */
const FREE = 3;
/** The allowance is given out early, as the root of the progress up to here: what is best changes most at the start. */
const GIVEN_OUT = 3 / 4;

/** What probes have cost. */
type ProbesSpent = Omit<Spent, 'steps'>;

/** Plain data: with it a resumed run goes on as if it had not stopped. */
export interface OnlineState {
  /** keyOf() the candidate that steps are taken with. */
  current: string;
  /** That could be used. */
  probes: number;
  /** Two batches are a probe, and no batch is in two of them: the first step that may have the next one. */
  nextStep: number;
  spent: ProbesSpent;
  /** Seconds per forward of the last probe. */
  pace: number;
  averages: AveragesState;
}

/** What a run is, as far as probes go. */
export interface OnlineContext extends AllowanceContext {
  budget: Budget;
  /** The first step that may have a probe; 0 unless told. */
  firstStep?: number;
  /** Compute of one gradient at the peak learning rate, as a multiple of that of a batch on whole sequences. */
  gradientBudget: number;
  /** The learning rate over its peak, 1 until a warm-up is over, by progress; 1 throughout unless told. */
  rateShare?: Schedule;
}

/**
 * Chooses the candidate of least cost-adjusted error from averages over probes. After the first ones it only moves to dearer candidates:
 * the optimum moves that way in training, and noise would move it to and fro.
 */
export class OnlineCompression {
  readonly grid: readonly Candidate[];
  readonly #context: OnlineContext;
  readonly #averages = new Averages();
  #current: Candidate;
  #state: Omit<OnlineState, 'current' | 'averages'> = {
    probes: 0,
    nextStep: 0,
    spent: { forwards: 0, seconds: 0 },
    pace: 0,
  };

  /** Throws a CoupletError for a run that cannot pay for its probes. */
  constructor(context: OnlineContext) {
    checkAllowance(context);
    this.#context = context;
    this.grid = context.grid;
    this.#current = context.grid[0];
    this.#state.nextStep = context.firstStep ?? 0;
    if (this.#unit === 'seconds' && context.secondsOf) checkFirstProbe(this.#nextCost, context);
  }

  /** What steps are taken with; whole sequences before the first probe. */
  get current(): Compression {
    const { tokenDropout, patchSize } = this.#current;
    return { tokenDropout, patchSize };
  }

  /** What the next probe takes: all that can still be chosen, so the whole sequence, which is the dearest, first. */
  get candidates(): Candidate[] {
    return this.grid.filter(
      (candidate) =>
        this.#state.probes < FREE || candidate === this.#current || candidate.cost > this.#current.cost,
    );
  }

  /** What the next probe costs, in forwards. */
  get probeForwards(): number {
    return probeForwards(this.candidates, this.#context.globalBatchSize);
  }

  /** What the next probe counts for in seconds where there is a table of them: as many steps as it takes gradients. */
  get probeSeconds(): number | undefined {
    const { secondsOf } = this.#context;
    return secondsOf && BATCHES * this.candidates.reduce((sum, candidate) => sum + secondsOf(candidate), 0);
  }

  get #unit(): keyof ProbesSpent {
    return this.#context.budget.unit === 'seconds' ? 'seconds' : 'forwards';
  }

  /** What the next probe costs, in the unit of the allowance; of seconds by the table, else by the last one's pace. */
  get #nextCost(): number {
    if (this.#unit === 'forwards') return this.probeForwards;
    return this.probeSeconds ?? this.probeForwards * this.#state.pace;
  }

  /** Whether the step before which this is asked has a probe. */
  due(step: number): boolean {
    const { budget, overhead, globalBatchSize } = this.#context;
    const { nextStep, spent } = this.#state;
    if (step < nextStep || this.candidates.length === 1) return false;
    // Both batches must be trained on after it, whatever it chooses.
    const steps = BATCHES * globalBatchSize * this.grid[0].cost;
    if (budget.over({ steps: BATCHES, forwards: this.probeForwards + steps })) return false;
    if (spent.forwards === 0) return true; // on an advance
    const { least } = allowanceOf(this.#context);
    const given = least * Math.min(1, Math.sqrt(budget.progress / GIVEN_OUT));
    // Of a duration in steps `least` is little: dearer steps than the cheapest pay for more.
    return spent[this.#unit] + this.#nextCost <= Math.max(given, overhead * budget.spent[this.#unit]);
  }

  /**
   * Takes a probe and chooses by all so far; whether it could be used: one that is not finite is not.
   * @param options.step the first of its two; `spent` is what it cost
   */
  take(probe: Probe, { step, spent: { forwards, seconds } }: { step: number; spent: ProbesSpent }): boolean {
    const state = this.#state;
    if (this.#unit === 'seconds' && state.spent.forwards === 0) checkFirstProbe(seconds, this.#context);
    state.nextStep = step + BATCHES;
    state.spent = { forwards: state.spent.forwards + forwards, seconds: state.spent.seconds + seconds };
    state.pace = seconds / forwards;
    if (!this.#averages.add(probe, this.#context.budget.progress)) return false;
    this.#choose();
    state.probes++; // after the choice, which the first of them have free
    return true;
  }

  #choose(): void {
    const { candidates } = this;
    const errors = candidates.map((candidate) => this.#error(candidate));
    this.#current = candidates[errors.indexOf(Math.min(...errors))];
  }

  /** Bias^2 + rate cost / budget Var: the smaller the steps, the more of them average their noise (Smith and Le 2018), and none its bias. */
  #error(candidate: Candidate): number {
    const { globalBatchSize, gradientBudget, budget, rateShare = () => 1 } = this.#context;
    const batch = gradientBudget * globalBatchSize * this.grid[0].cost;
    return this.#averages.errorOf(candidate, (rateShare(budget.progress) * candidate.cost) / batch);
  }

  /** What a row of metrics says: the share of the run that went into probes, and the averages of the current candidate over |G|^2. */
  row(): Record<string, number> {
    const { spent } = this.#context.budget;
    const share = spent[this.#unit] > 0 ? this.#state.spent[this.#unit] / spent[this.#unit] : 0;
    const row = { 'probe/share': share };
    const found = this.#averages.of(this.#current);
    const { gradientSquared } = this.#averages;
    if (!found || !(gradientSquared > 0)) return row; // noise may outweigh it
    return {
      ...row,
      'probe/bias_squared': found.biasSquared / gradientSquared,
      'probe/variance': found.variance / gradientSquared,
      'probe/error': this.#error(this.#current) / gradientSquared,
      'probe/error_whole': this.#error(this.grid[0]) / gradientSquared,
    };
  }

  state(): OnlineState {
    return {
      current: keyOf(this.#current),
      ...structuredClone(this.#state),
      averages: this.#averages.state(),
    };
  }

  /** Goes on where a checkpoint was written. Throws a CoupletError when it was not by such a run. */
  restore(state: OnlineState | undefined, path: string): void {
    const current = this.grid.find((candidate) => keyOf(candidate) === state?.current);
    if (!state || !current)
      throw new CoupletError(
        `${path} has no state of compression.online, or one of other candidates: it belongs to another run. Resume with the config of that run.`,
      );
    if (state.averages.progress === undefined)
      throw new CoupletError(
        `${path} was written by an earlier version, whose compression.online took other probes: start the run again, or go on with that version.`,
      );
    const { current: _, averages, ...rest } = structuredClone(state);
    this.#current = current;
    this.#averages.restore(averages);
    this.#state = rest;
  }
}
