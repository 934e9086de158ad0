import type { z } from 'zod';
import { adamw } from './adamw.ts';
import type { ParamGroup } from './groups.ts';
import { lamb } from './lamb.ts';
import { lion } from './lion.ts';
import type { AdamOptions } from './moments.ts';
import type { Optimizer, OptimizerDefinition } from './optimizer.ts';
import { sgd } from './sgd.ts';

export { AdamW } from './adamw.ts';
export { clipEachGradNorm, clipGradNorm } from './clip-grad.ts';
export { decayGroups, type ParamGroup } from './groups.ts';
export { lrScaleOf } from './lr-scale.ts';
export type { AdamOptions } from './moments.ts';
export type { Optimizer, StepCounts } from './optimizer.ts';
export { Sgd } from './sgd.ts';
export { WeightAverage } from './weight-average.ts';

/** The first is the default. To add one: write its file, and put it here. */
export const optimizers = { adamw, lamb, lion, sgd };

type Optimizers = typeof optimizers;

/** `{ name, ...options }` of one optimizer. */
export type OptimizerConfig = {
  [Name in keyof Optimizers]: { name: Name } & z.output<Optimizers[Name]['options']>;
}[keyof Optimizers];

export function createOptimizer(config: OptimizerConfig, groups: readonly ParamGroup[]): Optimizer {
  // TypeScript cannot follow a name that is known at run time only.
  const { create } = optimizers[config.name] as unknown as OptimizerDefinition<string, z.ZodObject>;
  return create(groups, config);
}

/** True of adamw and lamb. */
export const keepsMoments = (config: OptimizerConfig): config is OptimizerConfig & AdamOptions =>
  'eps' in config;

/** Adam's settings for a temperature that the method updates: the optimizer's, where it has them. */
export function adamOptions(config: OptimizerConfig): AdamOptions {
  const { beta1, beta2, eps } = keepsMoments(config) ? config : { beta1: 0.9, beta2: 0.98, eps: 1e-6 };
  return { beta1, beta2, eps };
}
