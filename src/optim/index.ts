import { AdamW, type AdamWOptions } from './adamw.ts';
import type { ParamGroup } from './groups.ts';
import { Lamb } from './lamb.ts';
import { Lion, type LionOptions } from './lion.ts';
import type { AdamOptions } from './moments.ts';
import type { Optimizer } from './optimizer.ts';
import { Sgd, type SgdOptions } from './sgd.ts';

export { clipEachGradNorm, clipGradNorm } from './clip-grad.ts';
export { decayGroups, type ParamGroup } from './groups.ts';
export type { Optimizer } from './optimizer.ts';
export { type AdamOptions, AdamW, type AdamWOptions, Lamb, Lion, type LionOptions, Sgd, type SgdOptions };

/** An update rule by name, with its own settings: the `optimizer` part of a config. */
export type OptimizerConfig =
  | ({ name: 'adamw' } & AdamWOptions)
  | ({ name: 'lamb' } & AdamOptions)
  | ({ name: 'lion' } & LionOptions)
  | ({ name: 'sgd' } & SgdOptions);

/** Every optimizer by name. To add one: write its file, and put it here and into the config's schema. */
const optimizers: {
  [Name in OptimizerConfig['name']]: new (
    groups: readonly ParamGroup[],
    options: Extract<OptimizerConfig, { name: Name }>,
  ) => Optimizer;
} = { adamw: AdamW, lamb: Lamb, lion: Lion, sgd: Sgd };

export function createOptimizer(config: OptimizerConfig, groups: readonly ParamGroup[]): Optimizer {
  // The name picks both the class and its options; TypeScript cannot follow a name that is only known at run time.
  const Rule = optimizers[config.name] as new (
    groups: readonly ParamGroup[],
    options: OptimizerConfig,
  ) => Optimizer;
  return new Rule(groups, config);
}

/** A kind of Adam: it keeps the running mean of gradients and of their squares. */
export const keepsMoments = (config: OptimizerConfig): config is OptimizerConfig & AdamOptions =>
  'eps' in config;

/** Adam's settings for what a method moves by itself (a temperature): the optimizer's own where it is a kind of Adam. */
export function adamOptions(config: OptimizerConfig): AdamOptions {
  const { beta1, beta2, eps } = keepsMoments(config) ? config : { beta1: 0.9, beta2: 0.98, eps: 1e-6 };
  return { beta1, beta2, eps };
}
