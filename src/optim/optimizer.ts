import type { z } from 'zod';
import type { Tensor } from '../torch/index.ts';
import type { ParamGroup } from './groups.ts';

export interface OptimizerDefinition<Name extends string, Options extends z.ZodObject> {
  readonly name: Name;
  /** Every option has a default and a description. */
  readonly options: Options;
  create(groups: readonly ParamGroup[], options: z.output<Options>): Optimizer;
}

export const defineOptimizer = <const Name extends string, Options extends z.ZodObject>(
  definition: OptimizerDefinition<Name, Options>,
) => definition;

export interface StepOptions {
  lr: number;
  /** Replaces that of the groups that decay. */
  weightDecay?: number;
}

/** A parameter has had `steps - (missed[name] ?? 0)` updates. */
export interface StepCounts {
  steps: number;
  /** By parameter: steps in which it had no gradient. Absent: none. */
  missed: Record<string, number>;
}

export interface Optimizer {
  /** One update; parameters without a gradient stay, and do not decay. Clears the gradients. */
  step(options: StepOptions): void;
  /** For checkpoints; the tensors are live, not copies. */
  state(): StepCounts & { tensors: Map<string, Tensor> };
  /** Sets the counts; the caller overwrites the tensors of state(). */
  restore(counts: StepCounts): void;
  /** Other groups of the same parameters, with their state. */
  regroup(groups: readonly ParamGroup[]): void;
  dispose(): void;
}
