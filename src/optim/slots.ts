import { clearGrads, gradsOf, noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { ParamGroup } from './groups.ts';
import type { Optimizer, StepCounts, StepOptions } from './optimizer.ts';

/** Parameters of a group that have a gradient, and as many updates behind them. */
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
  /** Updates of these parameters, this one included: bias correction counts them for each parameter, as torch.optim.AdamW does. */
  updates: number;
}

/** Keeps state tensors per parameter, zero at the start. `update` runs for each group, in a scope without gradients. */
export abstract class SlotOptimizer<Slot extends string> implements Optimizer {
  #groups: readonly ParamGroup[];
  readonly #slots: [Slot, Map<string, Tensor>][];
  #steps = 0;
  /** Steps in which a parameter had no gradient; absent: none. */
  #missed = new Map<string, number>();

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
    scope(() =>
      noGrad(() => {
        for (const group of this.#groups) {
          const decay = group.weightDecay === 0 ? 0 : (weightDecay ?? group.weightDecay);
          const rates = { lr: lr * (group.lrScale ?? 1), weightDecay: decay };
          for (const [updates, live] of this.#live(group)) this.update(live, { ...rates, updates });
        }
      }),
    );
    for (const { tensors } of this.#groups) clearGrads(tensors);
  }

  /** By their number of updates: one entry, unless a parameter was without a gradient for some steps. */
  #live({ names, tensors }: ParamGroup): Map<number, Live<Slot>> {
    const result = new Map<number, Live<Slot>>();
    gradsOf(tensors).forEach((grad, i) => {
      const name = names[i];
      const missed = this.#missed.get(name) ?? 0;
      if (!grad) {
        this.#missed.set(name, missed + 1);
        return;
      }
      const updates = this.#steps - missed;
      const live = result.get(updates) ?? this.#emptyLive();
      result.set(updates, live);
      live.names.push(name);
      live.params.push(tensors[i]);
      live.grads.push(grad);
      for (const [slot, states] of this.#slots) live.slots[slot].push(states.get(name)!);
    });
    return result;
  }

  #emptyLive(): Live<Slot> {
    const slots = Object.fromEntries(this.#slots.map(([slot]) => [slot, []])) as unknown;
    return { names: [], params: [], grads: [], slots: slots as Record<Slot, Tensor[]> };
  }

  regroup(groups: readonly ParamGroup[]): void {
    this.#groups = groups;
  }

  state(): StepCounts & { tensors: Map<string, Tensor> } {
    const tensors = this.#slots.flatMap(([slot, states]) =>
      [...states].map(([name, state]) => [`${slot}.${name}`, state] as const),
    );
    return { tensors: new Map(tensors), steps: this.#steps, missed: Object.fromEntries(this.#missed) };
  }

  restore({ steps, missed }: StepCounts): void {
    this.#steps = steps;
    this.#missed = new Map(Object.entries(missed));
  }

  dispose(): void {
    for (const tensor of this.state().tensors.values()) tensor.dispose();
  }
}
