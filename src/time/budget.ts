// What a run may spend, and what it has spent: the progress that schedules go by (Clock in schedules.ts).

/** Of a run so far. */
export interface Spent {
  steps: number;
  /** Forward passes of one sample's whole sequence (compress/cost.ts). */
  forwards: number;
  /** Seconds of training, evaluations and checkpoints left out. */
  seconds: number;
}

/** What one step costs before it is taken; its seconds are known only after, or from a table (config `stepTimes`). */
export type StepCost = Omit<Spent, 'seconds'> & { seconds?: number };

/** A step more than this over the budget's end is not taken: sums of fractions may come out just above it. */
const TOLERANCE = 1 + 1e-9;

/** A budget in one unit, and the tally in all of them. */
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

  /** The share that is spent, in [0, 1]. */
  get progress(): number {
    return Math.min(1, this.#spent[this.unit] / this.total);
  }

  /** Whether a step of this cost would be more than is left; of seconds, whether none are left. */
  isExceededBy(cost: StepCost): boolean {
    const spent = this.#spent[this.unit];
    return this.unit === 'seconds' ? spent >= this.total : spent + cost[this.unit] > this.total * TOLERANCE;
  }

  spend(step: Spent): void {
    const { steps, forwards, seconds } = this.#spent;
    this.#spent = {
      steps: steps + step.steps,
      forwards: forwards + step.forwards,
      seconds: seconds + step.seconds,
    };
  }

  /** Goes on where a checkpoint was written. */
  restore(spent: Spent): void {
    this.#spent = { ...spent };
  }
}

/** How many steps a budget pays for, when the cost of a step follows from the progress alone. */
export function stepsWithin(
  { unit, total }: Pick<Budget, 'unit' | 'total'>,
  costAt: (progress: number) => Spent,
): number {
  const budget = new Budget(unit, total);
  for (;;) {
    const cost = costAt(budget.progress);
    if (budget.isExceededBy(cost)) return budget.spent.steps;
    budget.spend(cost);
  }
}
