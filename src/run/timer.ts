import type { Ranks } from '../ranks/index.ts';
import type { Budget } from '../time/budget.ts';
import { memoryStats } from '../torch/index.ts';

/** Time spent training: what a step took, and the pace between two log lines. Evaluations and checkpoints are left out. */
export class TrainTimer {
  readonly #ranks: Ranks;
  readonly #perStep: number;
  #stepSince = performance.now();
  #logSince = this.#stepSince;
  #logged: number;

  /** @param options.step the one that the run starts from */
  constructor(ranks: Ranks, { samplesPerStep, step }: { samplesPerStep: number; step: number }) {
    this.#ranks = ranks;
    this.#perStep = samplesPerStep;
    this.#logged = step;
    ranks.resetBytes();
  }

  /** Seconds since the last lap: rank 0's where they are the budget, since ranks must stop together. */
  lap({ unit }: Budget): number {
    const now = performance.now();
    const seconds = (now - this.#stepSince) / 1000;
    this.#stepSince = now;
    return unit === 'seconds' && this.#ranks.worldSize > 1
      ? Number(this.#ranks.share('the time of a step', String(seconds)))
      : seconds;
  }

  /** Samples a second and traffic a step since the last call. */
  rates(step: number): Record<string, number> {
    const now = performance.now();
    const seconds = (now - this.#logSince) / 1000;
    const done = step - this.#logged;
    this.#logSince = now;
    this.#logged = step;
    const { liveTensors } = memoryStats();
    const moved = Object.entries(this.#ranks.bytes()).map(([label, { bytesReceived }]) => [
      `bytes_per_step/${label}`,
      bytesReceived / done,
    ]);
    this.#ranks.resetBytes();
    return {
      samples_per_second: (done * this.#perStep) / seconds,
      seconds_per_step: seconds / done,
      live_tensors: liveTensors,
      ...Object.fromEntries(moved),
    };
  }

  /** Runs what is not training, and does not count its time. */
  async pause<T>(body: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await body();
    } finally {
      const away = performance.now() - start;
      this.#stepSince += away;
      this.#logSince += away;
    }
  }
}
