import { ThreadChannel, threadModule } from '../data/thread-channel.ts';
import { type DrawContext, drawStep, type StepDraws, type StepSamples } from './step-draws.ts';

const STEPS_AHEAD = 4;

export interface StepDrawer {
  /** Steps must be requested in order. */
  drawsOf(step: number): Promise<StepDraws>;
  close(): Promise<void>;
}

/** Draws in this thread, when requested. */
export function drawInPlace(context: DrawContext, samplesOf: (step: number) => StepSamples): StepDrawer {
  return { drawsOf: async (step) => drawStep(context, samplesOf(step)), close: async () => {} };
}

/**
 * Draws ahead in a thread, the same numbers as drawInPlace(): a batch can take the host as long to draw as a small model's step takes
 * a GPU. The process does not end before close().
 */
export class DrawAhead implements StepDrawer {
  readonly #thread: ThreadChannel<StepSamples, StepDraws>;
  readonly #samplesOf: (step: number) => StepSamples;
  readonly #requested = new Map<number, Promise<StepDraws>>();

  constructor(context: DrawContext, samplesOf: (step: number) => StepSamples) {
    this.#samplesOf = samplesOf;
    this.#thread = new ThreadChannel(threadModule(import.meta.url, './draw-thread'), {
      name: 'The thread that draws views',
      start: { ...context, sizes: inSharedMemory(context.sizes) },
    });
  }

  drawsOf(step: number): Promise<StepDraws> {
    for (let next = step; next < step + STEPS_AHEAD; next++)
      if (!this.#requested.has(next)) this.#requested.set(next, this.#request(next));
    const draws = this.#requested.get(step)!;
    this.#requested.delete(step);
    return draws;
  }

  #request(step: number): Promise<StepDraws> {
    const draws = this.#thread.request(this.#samplesOf(step));
    draws.catch(() => {}); // drawsOf() throws it
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
