import type { Tensor } from '../torch/index.ts';

/** What an optimizer needs at one step. */
export interface StepOptions {
  /** The learning rate of this step. */
  lr: number;
  /** In place of the weight decay of the groups that have one. */
  weightDecay?: number;
}

/** Moves parameters along their gradients; owns its state. */
export interface Optimizer {
  /** One update from the gradients that backward() left; parameters without a gradient stay. Clears the gradients. */
  step(options: StepOptions): void;
  /** Tensors and counters that a resume needs, by stable names; the tensors are live, not copies. */
  state(): { tensors: Map<string, Tensor>; steps: number };
  /** Takes the step counter back after the tensors of state() were overwritten. */
  restore(steps: number): void;
  dispose(): void;
}
