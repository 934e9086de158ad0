// P parameters.
import { adamOptions, type Optimizer, type OptimizerConfig } from '../optim/index.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export interface AdamState {
  eps: number;
  /** v / (1 - beta2^t) [P], t of each parameter; undefined before the first step, and without second moments. */
  secondMoment(names: readonly string[]): Tensor | undefined;
}

export interface Optimized {
  optimizer: Optimizer;
  config: { optimizer: OptimizerConfig };
}

/** @equation FastCL 2: in the scale of Adam's steps: g / (sqrt(v) + eps) in place of g (ours) */
export function adamStateOf({ optimizer, config }: Optimized): AdamState {
  const { eps, beta2 } = adamOptions(config.optimizer);
  return {
    eps,
    secondMoment: (names) => {
      const { tensors, steps, missed } = optimizer.state();
      const moments = names.map((name) => tensors.get(`exp_avg_sq.${name}`));
      if (steps === 0 || moments.length === 0 || !moments.every((moment) => moment !== undefined))
        return undefined;
      const corrected = moments.map((moment, i) => {
        const updates = steps - (missed[names[i]] ?? 0);
        return updates === 0 ? moment.reshape(-1) : moment.reshape(-1).div(1 - beta2 ** updates); // 0 before its first
      });
      return ops.cat(corrected, 0);
    },
  };
}

/**
 * Adam's factor 1 / (sqrt(v) + eps) [P] (Kingma & Ba 2015). Zero where v is 0: an unmoved parameter would outweigh all others.
 * @equation FastCL 2: in the scale of Adam's steps: g / (sqrt(v) + eps) in place of g (ours)
 */
export function adamScale(secondMoment: Tensor, { eps }: Pick<AdamState, 'eps'>): Tensor {
  return noGrad(() =>
    scope(() => {
      const scale = secondMoment.sqrt().add(eps).pow(-1);
      return ops.masked_fill_Scalar(scale, secondMoment.eq(0), 0);
    }),
  );
}
