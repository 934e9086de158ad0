import type { z } from 'zod';
import type { Tensor } from '../torch/index.ts';
import type { ParamGroup } from './groups.ts';

/** One optimizer: its name in a config, the schema of its own options, and how it is made. */
export interface OptimizerDefinition<Name extends string, Options extends z.ZodObject> {
  readonly name: Name;
  /** Every option has a default and a description. */
  readonly options: Options;
  create(groups: readonly ParamGroup[], options: z.output<Options>): Optimizer;
}

/** Names the types of a definition; returns it as it is. */
export const defineOptimizer = <const Name extends string, Options extends z.ZodObject>(
  definition: OptimizerDefinition<Name, Options>,
) => definition;

export interface StepOptions {
  /** The learning rate of this step. */
  lr: number;
  /** Replaces the weight decay of the groups that decay. */
  weightDecay?: number;
}

/** Moves parameters along their gradients; owns its state. */
export interface Optimizer {
  /** One update from the gradients that backward() left; parameters without a gradient stay. Clears the gradients. */
  step(options: StepOptions): void;
  /** Tensors and step count for a resume, by stable names; the tensors are live, not copies. */
  state(): { tensors: Map<string, Tensor>; steps: number };
  /** Sets the step count, after the tensors of state() were overwritten. */
  restore(steps: number): void;
  dispose(): void;
}
