import type { Candidate } from '../compress/index.ts';
import type { RecordLine } from './record.ts';
import type { Settings } from './settings.ts';
import type { Stage } from './stages.ts';

/** One pass of an analysis. */
type Pass = Pick<Candidate, 'tokenDropout' | 'patchSize'> & { kind: 'point' | 'control' };

/** What is left of an analysis, what it has taken and how long the rest will take. */
export class Meter {
  readonly #settings: Settings;
  /** Passes that are not done, by key, with their costs in forwards. */
  readonly #left = new Map<string, number>();
  #since = performance.now();
  #forwards = 0;
  /** Of this process. */
  readonly #start = performance.now();
  #allForwards = 0;

  constructor({
    settings,
    stages,
    record,
  }: { settings: Settings; stages: Stage[]; record: { lines: readonly RecordLine[] } }) {
    this.#settings = settings;
    const [whole] = settings.grid;
    for (const { step } of stages) {
      this.#left.set(keyOf(step, { kind: 'control', ...whole }), whole.cost * settings.samples);
      for (const each of settings.grid)
        this.#left.set(keyOf(step, { kind: 'point', ...each }), each.cost * settings.samples);
    }
    for (const line of record.lines) if (line.kind !== 'spent') this.#left.delete(keyOf(line.step, line));
  }

  /** How many passes are left. */
  get left(): number {
    return this.#left.size;
  }

  isLeft({ step }: Stage, pass: Pass): boolean {
    return this.#left.has(keyOf(step, pass));
  }

  anyLeft({ step }: Stage): boolean {
    return [...this.#left.keys()].some((key) => key.startsWith(`${step} `));
  }

  /** After a sub-batch: the share of the work that is done, of what this process has to do, and the seconds that are left at its pace. */
  batch({ cost }: Candidate): { done: number; secondsLeft: number } {
    const { subBatch } = this.#settings;
    this.#forwards += cost * subBatch;
    this.#allForwards += cost * subBatch;
    const left = [...this.#left.values()].reduce((sum, forwards) => sum + forwards, 0) - this.#forwards;
    const seconds = (performance.now() - this.#start) / 1000;
    const done = this.#allForwards / (this.#allForwards + Math.max(0, left));
    return { done, secondsLeft: (seconds * (1 - done)) / done };
  }

  /** After a pass. */
  finish({ step }: Stage, pass: Pass): void {
    this.#left.delete(keyOf(step, pass));
  }

  /** What was spent since this was last asked. */
  lap(): { seconds: number; forwards: number } {
    const now = performance.now();
    const spent = { seconds: (now - this.#since) / 1000, forwards: this.#forwards };
    this.#since = now;
    this.#forwards = 0;
    return spent;
  }
}

const keyOf = (step: number, { kind, tokenDropout, patchSize }: Pass) =>
  `${step} ${kind} ${tokenDropout} ${patchSize}`;
