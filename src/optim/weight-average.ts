import type { NamedParams } from '../nn/module.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/**
 * An exponential moving average of weights (Polyak & Juditsky 1992): average <- m average + (1 - m) weights after each update.
 * m is min(momentum, (1 + t) / (10 + t)) after t updates, so that the first weights are soon forgotten (TensorFlow's
 * `ExponentialMovingAverage`).
 */
export class WeightAverage {
  readonly #momentum: number;
  readonly #names: readonly string[];
  readonly #weights: readonly Tensor[];
  readonly #averages: readonly Tensor[];
  #updates = 0;

  /** Starts at the weights as they are. */
  constructor(weights: NamedParams, { momentum }: { momentum: number }) {
    this.#momentum = momentum;
    this.#names = [...weights.keys()];
    this.#weights = [...weights.values()];
    this.#averages = noGrad(() => this.#weights.map((weight) => weight.clone().persist()));
  }

  update(): void {
    const t = this.#updates++;
    const momentum = Math.min(this.#momentum, (1 + t) / (10 + t));
    noGrad(() => {
      ops._foreach_mul__Scalar(this.#averages, momentum);
      ops._foreach_add__List(this.#averages, this.#weights, 1 - momentum);
    });
  }

  /** Runs `body` while the weights hold their averages, in place. Nothing may train meanwhile. */
  async during<T>(body: () => Promise<T>): Promise<T> {
    this.#swap();
    try {
      return await body();
    } finally {
      this.#swap();
    }
  }

  #swap(): void {
    noGrad(() =>
      this.#weights.forEach((weight, i) => {
        scope(() => {
          const held = weight.clone();
          weight.copy_(this.#averages[i]);
          this.#averages[i].copy_(held);
        });
      }),
    );
  }

  /** For checkpoints; the tensors are live, not copies. */
  state(): { tensors: Map<string, Tensor>; updates: number } {
    return {
      tensors: new Map(this.#names.map((name, i) => [name, this.#averages[i]])),
      updates: this.#updates,
    };
  }

  /** Sets the count; the caller overwrites the tensors of state(). */
  restore({ updates }: { updates: number }): void {
    this.#updates = updates;
  }

  /** Starts again at the weights as they are. */
  restart(): void {
    this.#updates = 0;
    noGrad(() =>
      this.#averages.forEach((average, i) => {
        average.copy_(this.#weights[i]);
      }),
    );
  }

  dispose(): void {
    for (const average of this.#averages) average.dispose();
  }
}
