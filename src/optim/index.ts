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
export type { AdamOptions } from './moments.ts';
export type { Optimizer } from './optimizer.ts';
export { Sgd } from './sgd.ts';

/** Every optimizer by name; the first is the default. To add one: write its file, and put it here. */
export const optimizers = { adamw, lamb, lion, sgd };

type Optimizers = typeof optimizers;

/** `{ name, ...options }` of one optimizer: the part of a config's `optimizer` that differs between them. */
export type OptimizerConfig = {
  [Name in keyof Optimizers]: { name: Name } & z.output<Optimizers[Name]['options']>;
}[keyof Optimizers];

export function createOptimizer(config: OptimizerConfig, groups: readonly ParamGroup[]): Optimizer {
  // The name picks both; TypeScript cannot follow a name that is only known at run time.
  const { create } = optimizers[config.name] as unknown as OptimizerDefinition<string, z.ZodObject>;
  return create(groups, config);
}

/** A kind of Adam: it keeps the running mean of gradients and of their squares. */
export const keepsMoments = (config: OptimizerConfig): config is OptimizerConfig & AdamOptions =>
  'eps' in config;

/** Adam's settings for what a method moves by itself (a temperature): the optimizer's own where it is a kind of Adam. */
export function adamOptions(config: OptimizerConfig): AdamOptions {
  const { beta1, beta2, eps } = keepsMoments(config) ? config : { beta1: 0.9, beta2: 0.98, eps: 1e-6 };
  return { beta1, beta2, eps };
}
