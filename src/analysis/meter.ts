import type { Candidate, Compression } from '../compress/index.ts';
import type { LogLine, PassLine } from './pass-log.ts';
import type { Settings } from './settings.ts';
import type { Snapshot } from './snapshots.ts';

type Pass = Compression & { kind: PassLine['kind'] };

export class Meter {
  readonly #settings: Settings;
  /** Forwards of the remaining passes, by keyOf(). */
  readonly #left = new Map<string, number>();
  #lapStart = performance.now();
  /** Since #lapStart. */
  #forwards = 0;
  readonly #start = performance.now();
  /** Since #start. */
  #allForwards = 0;

  constructor({
    settings,
    snapshots,
    passLog,
  }: { settings: Settings; snapshots: Snapshot[]; passLog: { lines: readonly LogLine[] } }) {
    this.#settings = settings;
    const [whole] = settings.grid;
    for (const { step } of snapshots) {
      this.#left.set(keyOf(step, { kind: 'control', ...whole }), whole.cost * settings.samples);
      for (const each of settings.grid)
        this.#left.set(keyOf(step, { kind: 'candidate', ...each }), each.cost * settings.samples);
    }
    for (const line of passLog.lines) if (line.kind !== 'spent') this.#left.delete(keyOf(line.step, line));
  }

  get left(): number {
    return this.#left.size;
  }

  isLeft({ step }: Snapshot, pass: Pass): boolean {
    return this.#left.has(keyOf(step, pass));
  }

  anyLeft({ step }: Snapshot): boolean {
    return [...this.#left.keys()].some((key) => key.startsWith(`${step} `));
  }

  /** Counts a sub-batch. Returns the done share of this process's work. */
  batch({ cost }: Candidate): { done: number; secondsLeft: number } {
    const { subBatch } = this.#settings;
    this.#forwards += cost * subBatch;
    this.#allForwards += cost * subBatch;
    const left = [...this.#left.values()].reduce((sum, forwards) => sum + forwards, 0) - this.#forwards;
    const seconds = (performance.now() - this.#start) / 1000;
    const done = this.#allForwards / (this.#allForwards + Math.max(0, left));
    return { done, secondsLeft: (seconds * (1 - done)) / done };
  }

  finish({ step }: Snapshot, pass: Pass): void {
    this.#left.delete(keyOf(step, pass));
  }

  /** Spent since the last call. */
  lap(): { seconds: number; forwards: number } {
    const now = performance.now();
    const spent = { seconds: (now - this.#lapStart) / 1000, forwards: this.#forwards };
    this.#lapStart = now;
    this.#forwards = 0;
    return spent;
  }
}

const keyOf = (step: number, { kind, tokenDropout, patchSize }: Pass) =>
  `${step} ${kind} ${tokenDropout} ${patchSize}`;
