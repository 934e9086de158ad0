import { ThreadChannel, threadModule } from '../data/loader/thread-channel.ts';
import { type DrawContext, drawStep, type StepDraws, type StepSamples } from './step-draws.ts';

/** Steps that are drawn before they are asked for. */
const STEPS_AHEAD = 4;

/** Draws of steps, one after the other. */
export interface StepDrawer {
  /** Those of `step`; steps are asked for in turn. */
  take(step: number): Promise<StepDraws>;
  close(): Promise<void>;
}

/** Draws when it is asked. */
export function drawerHere(context: DrawContext, samplesOf: (step: number) => StepSamples): StepDrawer {
  return { take: async (step) => drawStep(context, samplesOf(step)), close: async () => {} };
}

/**
 * Draws in a thread, ahead: a batch of 512 with two views takes the host some 5 ms, as long as a GPU needs for a short step of a small
 * model. The numbers are those of drawerHere(). The process waits for the thread until close().
 */
export class DrawAhead implements StepDrawer {
  readonly #thread: ThreadChannel<StepSamples, StepDraws>;
  readonly #samplesOf: (step: number) => StepSamples;
  readonly #asked = new Map<number, Promise<StepDraws>>();

  constructor(context: DrawContext, samplesOf: (step: number) => StepSamples) {
    this.#samplesOf = samplesOf;
    this.#thread = new ThreadChannel(threadModule(import.meta.url, './draw-thread'), {
      name: 'The thread that draws views',
      start: { ...context, sizes: inSharedMemory(context.sizes) },
    });
  }

  take(step: number): Promise<StepDraws> {
    for (let next = step; next < step + STEPS_AHEAD; next++)
      if (!this.#asked.has(next)) this.#asked.set(next, this.#ask(next));
    const draws = this.#asked.get(step)!;
    this.#asked.delete(step);
    return draws;
  }

  #ask(step: number): Promise<StepDraws> {
    const draws = this.#thread.request(this.#samplesOf(step));
    draws.catch(() => {}); // the error is thrown to whoever takes this step
    return draws;
  }

  close(): Promise<void> {
    return this.#thread.close(new Error('The feed was closed.'));
  }
}

function inSharedMemory(numbers: Int32Array): Int32Array {
  const copy = new Int32Array(new SharedArrayBuffer(numbers.byteLength));
  copy.set(numbers);
  return copy;
}
