/** What a run has spent. */
export interface Spent {
  steps: number;
  /** Forward passes of one sample's whole sequence (compress/cost.ts). */
  forwards: number;
  /** Of training, without evaluations and checkpoints. */
  seconds: number;
}

/** The cost of a step before it is taken. Seconds are known in advance only from the config's `stepTimes`. */
export type StepCost = Omit<Spent, 'seconds'> & { seconds?: number };

/** A factor on the total: sums of fractions may come out just above it. */
const ROUNDING = 1 + 1e-9;

/**
 * What a run may spend, in one unit; and what it has spent, in all units.
 * @equation FastCL 10: one clock: s = spent budget / budget
 */
export class Budget {
  readonly unit: keyof Spent;
  readonly total: number;
  #spent: Spent = { steps: 0, forwards: 0, seconds: 0 };

  constructor(unit: keyof Spent, total: number) {
    this.unit = unit;
    this.total = total;
  }

  get spent(): Readonly<Spent> {
    return this.#spent;
  }

  /** The spent share, in [0, 1]. */
  get progress(): number {
    return Math.min(1, this.#spent[this.unit] / this.total);
  }

  /** Whether a step of this cost is more than is left. Of seconds: whether none are left. */
  isExceededBy(cost: StepCost): boolean {
    const spent = this.#spent[this.unit];
    return this.unit === 'seconds' ? spent >= this.total : spent + cost[this.unit] > this.total * ROUNDING;
  }

  spend(step: Spent): void {
    const { steps, forwards, seconds } = this.#spent;
    this.#spent = {
      steps: steps + step.steps,
      forwards: forwards + step.forwards,
      seconds: seconds + step.seconds,
    };
  }

  /** Continues from a checkpoint. */
  restore(spent: Spent): void {
    this.#spent = { ...spent };
  }
}

/**
 * Steps that a budget pays for, where the cost of a step follows from the progress alone.
 * @equation FastCL 10: one clock: s = spent budget / budget
 */
export function stepsWithin(
  { unit, total }: Pick<Budget, 'unit' | 'total'>,
  costOf: (progress: number) => Spent,
): number {
  const budget = new Budget(unit, total);
  for (;;) {
    const cost = costOf(budget.progress);
    if (budget.isExceededBy(cost)) return budget.spent.steps;
    budget.spend(cost);
  }
}
