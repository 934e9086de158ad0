// P parameters.
import { adamOptions, type Optimizer, type OptimizerConfig } from '../optim/index.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface AdamState {
  eps: number;
  /** v / (1 - beta2^t) [P]; undefined before the first step, and without second moments. */
  secondMoment(names: readonly string[]): Tensor | undefined;
}

export interface Optimized {
  optimizer: Optimizer;
  config: { optimizer: OptimizerConfig };
}

export function adamStateOf({ optimizer, config }: Optimized): AdamState {
  const { eps, beta2 } = adamOptions(config.optimizer);
  return {
    eps,
    secondMoment: (names) => {
      const { tensors, steps } = optimizer.state();
      const moments = names.map((name) => tensors.get(`exp_avg_sq.${name}`));
      if (steps === 0 || moments.length === 0 || !moments.every((moment) => moment !== undefined))
        return undefined;
      const flat = ops.cat(
        moments.map((moment) => moment.reshape(-1)),
        0,
      );
      return flat.div(1 - beta2 ** steps);
    },
  };
}

/**
 * Adam's factor 1 / (sqrt(v) + eps) [P] (Kingma & Ba 2015). Zero where v is 0: an unmoved parameter would outweigh all others.
 */
export function adamScale(secondMoment: Tensor, { eps }: Pick<AdamState, 'eps'>): Tensor {
  return noGrad(() =>
    scope(() => {
      const scale = secondMoment.sqrt().add(eps).pow(-1);
      return ops.masked_fill_Scalar(scale, secondMoment.eq(0), 0);
    }),
  );
}
