import type { Ranks } from '../ranks/index.ts';
import type { Budget } from '../time/budget.ts';
import { memoryStats } from '../torch/index.ts';

/** Measures the time of training, without evaluations and checkpoints. */
export class TrainTimer {
  readonly #ranks: Ranks;
  readonly #samplesPerStep: number;
  #lapStart = performance.now();
  #logStart = this.#lapStart;
  #loggedStep: number;

  /** @param options.step updates done before */
  constructor(ranks: Ranks, { samplesPerStep, step }: { samplesPerStep: number; step: number }) {
    this.#ranks = ranks;
    this.#samplesPerStep = samplesPerStep;
    this.#loggedStep = step;
    ranks.resetBytes();
  }

  /** Seconds since the last lap. For a budget in seconds all ranks get those of rank 0, to stop together. */
  lap({ unit }: Budget): number {
    const now = performance.now();
    const seconds = (now - this.#lapStart) / 1000;
    this.#lapStart = now;
    return unit === 'seconds' && this.#ranks.worldSize > 1
      ? Number(this.#ranks.share('the time of a step', String(seconds)))
      : seconds;
  }

  /** Samples per second, and bytes received per step, since the last call. */
  rates(step: number): Record<string, number> {
    const now = performance.now();
    const seconds = (now - this.#logStart) / 1000;
    const steps = step - this.#loggedStep;
    this.#logStart = now;
    this.#loggedStep = step;
    const { liveTensors } = memoryStats();
    const traffic = Object.entries(this.#ranks.bytes()).map(([label, { bytesReceived }]) => [
      `bytes_per_step/${label}`,
      bytesReceived / steps,
    ]);
    this.#ranks.resetBytes();
    return {
      samples_per_second: (steps * this.#samplesPerStep) / seconds,
      seconds_per_step: seconds / steps,
      live_tensors: liveTensors,
      ...Object.fromEntries(traffic),
    };
  }

  /** Runs `body` without counting its time. */
  async pause<T>(body: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await body();
    } finally {
      const pause = performance.now() - start;
      this.#lapStart += pause;
      this.#logStart += pause;
    }
  }
}
