import { Worker } from 'node:worker_threads';
import { builtModule } from '../data/loader/built-module.ts';
import type { DrawJob } from './draw-thread.ts';
import { type DrawContext, drawStep, type StepDraws } from './step-draws.ts';

/** Where a step's samples are in the stream. */
export type DrawPlace = Omit<DrawJob, 'job'>;

/** Steps that are drawn before they are asked for. */
const AHEAD = 4;

/** Draws of steps, one after the other. */
export interface StepDrawer {
  /** Those of `step`; steps are asked for in turn. */
  take(step: number): Promise<StepDraws>;
  close(): Promise<void>;
}

/** Draws when it is asked. */
export function drawerHere(context: DrawContext, placeOf: (step: number) => DrawPlace): StepDrawer {
  return { take: async (step) => drawStep(context, placeOf(step)), close: async () => {} };
}

/**
 * Draws in a thread, ahead: a batch of 512 with two views takes the host some 5 ms, as long as a GPU needs for a short step of a small
 * model. The numbers are those of drawerHere(). The process waits for the thread until close(): a thread that is let go of and held again
 * with each answer was seen to let the process end, one time in forty.
 */
export class DrawAhead implements StepDrawer {
  readonly #worker: Worker;
  readonly #placeOf: (step: number) => DrawPlace;
  readonly #waiting = new Map<number, { resolve(draws: StepDraws): void; reject(error: Error): void }>();
  readonly #asked = new Map<number, Promise<StepDraws>>();
  #failure: Error | undefined;

  /** @param placeOf where a step's samples are */
  constructor(context: DrawContext, placeOf: (step: number) => DrawPlace) {
    this.#placeOf = placeOf;
    const url = builtModule(import.meta.url, './draw-thread');
    this.#worker = new Worker(url, { workerData: { ...context, sizes: shared(context.sizes) } });
    this.#worker.on('message', (message: { job: number; draws?: StepDraws; error?: Error }) => {
      const waiting = this.#waiting.get(message.job);
      this.#waiting.delete(message.job);
      if (message.draws) waiting?.resolve(message.draws);
      else waiting?.reject(message.error ?? new Error('no draws'));
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) =>
      this.#fail(new Error(`The thread that draws views ended with code ${code}.`)),
    );
  }

  take(step: number): Promise<StepDraws> {
    for (let next = step; next < step + AHEAD; next++)
      if (!this.#asked.has(next)) this.#asked.set(next, this.#ask(next));
    const draws = this.#asked.get(step)!;
    this.#asked.delete(step);
    return draws;
  }

  #ask(step: number): Promise<StepDraws> {
    const draws = new Promise<StepDraws>((resolve, reject) => {
      if (this.#failure) reject(this.#failure);
      else this.#waiting.set(step, { resolve, reject });
    });
    draws.catch(() => {}); // whoever takes this step is told
    if (this.#failure) return draws;
    this.#worker.postMessage({ job: step, ...this.#placeOf(step) } satisfies DrawJob);
    return draws;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    this.#fail(new Error('The feed was closed.'));
    await this.#worker.terminate();
  }
}

/** The same numbers in memory that threads share. */
function shared(numbers: Int32Array): Int32Array {
  const copy = new Int32Array(new SharedArrayBuffer(numbers.byteLength));
  copy.set(numbers);
  return copy;
}
