// Steps of small models take longer to launch than to run, so they are captured (docs/cuda-graphs.md).
import type { Batch, Method } from '../../methods/index.ts';
import type { StepContext } from '../../time/clock.ts';
import { CapturedStep, type Replay } from './captured-step.ts';

export type { Replay } from './captured-step.ts';

/** At most so many shapes are captured. Others run op by op. */
const MAX_SHAPES = 24;
/** Texts are padded to a multiple of this many tokens, so that few shapes occur. */
const TEXT_MULTIPLE = 8;

export class StepGraphs {
  readonly #method: Method;
  readonly #contextLength: number;
  readonly #steps = new Map<string, CapturedStep>();

  /** @param options.contextLength the longest text that the method takes, in tokens */
  constructor(method: Method, { contextLength = Number.POSITIVE_INFINITY }: { contextLength?: number } = {}) {
    this.#method = method;
    this.#contextLength = contextLength;
  }

  /**
   * Replays a batch, and captures a new shape first. undefined: there are too many shapes. The next call overwrites the features.
   * @param options.loss whether the loss may be replayed too; its metrics cannot be read then
   */
  run(batch: Batch, context: StepContext, { loss }: { loss: boolean }): Replay | undefined {
    const { key, length } = this.#shapeOf(batch, context);
    let step = this.#steps.get(key);
    if (!step) {
      if (this.#steps.size === MAX_SHAPES) return undefined;
      step = new CapturedStep(this.#method, batch, { context, length });
      this.#steps.set(key, step);
    }
    return step.run(batch, context, { loss });
  }

  /** As run(), but captures nothing, for rare passes. undefined: the shape is not captured. */
  replay(batch: Batch, context: StepContext, { loss }: { loss: boolean }): Replay | undefined {
    return this.#steps.get(this.#shapeOf(batch, context).key)?.run(batch, context, { loss, capture: false });
  }

  #shapeOf(batch: Batch, context: StepContext) {
    const padded = Math.ceil(batch.tokens.shape[1] / TEXT_MULTIPLE) * TEXT_MULTIPLE;
    const length = Math.min(padded, this.#contextLength);
    const sizes = batch.views.map(({ shape, dtype }) => `${shape} ${dtype}`);
    const key = JSON.stringify([sizes, batch.ids.shape, length, context.compression]);
    return { key, length };
  }

  dispose(): void {
    for (const step of this.#steps.values()) step.dispose();
    this.#steps.clear();
  }
}
