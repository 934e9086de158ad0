import { clearGrads, gradsOf, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import type { Optimizer, StepOptions } from './optimizer.ts';

/** The parameters of a group that have a gradient. */
export interface Live<Slot extends string> {
  names: string[];
  params: Tensor[];
  grads: Tensor[];
  /** State such as `exp_avg`, of the parameters' shapes. */
  slots: Record<Slot, Tensor[]>;
}

export interface Rates {
  lr: number;
  weightDecay: number;
  /** 1 at the first update. */
  steps: number;
}

/** Keeps state tensors per parameter, zero at the start. `update` runs for each group, in a scope without gradients. */
export abstract class SlotOptimizer<Slot extends string> implements Optimizer {
  readonly #groups: readonly ParamGroup[];
  readonly #slots: [Slot, Map<string, Tensor>][];
  #steps = 0;

  constructor(groups: readonly ParamGroup[], slots: readonly Slot[]) {
    const params = groups.flatMap(({ names, tensors }) =>
      names.map((name, i) => [name, tensors[i]] as const),
    );
    this.#groups = groups;
    this.#slots = slots.map((slot) => [
      slot,
      new Map(params.map(([name, param]) => [name, ops.zeros_like(param).persist()])),
    ]);
  }

  protected abstract update(live: Live<Slot>, rates: Rates): void;

  step({ lr, weightDecay }: StepOptions): void {
    this.#steps++;
    const rates = { lr, steps: this.#steps };
    scope(() =>
      noGrad(() => {
        for (const group of this.#groups) {
          const live = this.#live(group);
          if (live.params.length > 0)
            this.update(live, {
              ...rates,
              weightDecay: group.weightDecay === 0 ? 0 : (weightDecay ?? group.weightDecay),
            });
        }
      }),
    );
    for (const { tensors } of this.#groups) clearGrads(tensors);
  }

  #live({ names, tensors }: ParamGroup): Live<Slot> {
    const grads = gradsOf(tensors);
    const indices = grads.flatMap((grad, i) => (grad ? [i] : []));
    const liveNames = indices.map((i) => names[i]);
    const slots = this.#slots.map(([slot, states]) => [slot, liveNames.map((name) => states.get(name)!)]);
    return {
      names: liveNames,
      params: indices.map((i) => tensors[i]),
      grads: indices.map((i) => grads[i]!),
      slots: Object.fromEntries(slots),
    };
  }

  state(): { tensors: Map<string, Tensor>; steps: number } {
    const tensors = this.#slots.flatMap(([slot, states]) =>
      [...states].map(([name, state]) => [`${slot}.${name}`, state] as const),
    );
    return { tensors: new Map(tensors), steps: this.#steps };
  }

  restore(steps: number): void {
    this.#steps = steps;
  }

  dispose(): void {
    for (const tensor of this.state().tensors.values()) tensor.dispose();
  }
}
