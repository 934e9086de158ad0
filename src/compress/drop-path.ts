import { arange, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { purpose, type StepRows, stepRandom } from './step-random.ts';

/** Stochastic depth (Huang et al. 2016), as in DINO's student. */
export interface DropPath {
  /** In [0, 1): of the last block's attention or MLP; rises linearly from 0 in the first block. */
  rate: number;
  layers: number;
}

/**
 * Factors of branches, float32 [layers, 2, count]: 0, or 1 / (1 - rate).
 * @equation FastCL 7.3: stochastic depth: block l of n is skipped at l / (n - 1) of the last one's rate r_l; a branch that stays is divided by 1 - r_l
 */
export function dropPathScales(stepRows: StepRows, { rate, layers }: DropPath): Tensor {
  return scope(() => {
    const rates = arange(0, layers, { dtype: 'float64', device: stepRows.device })
      .mul(rate / Math.max(1, layers - 1))
      .view(layers, 1, 1);
    const draws = stepRandom(stepRows, 2 * layers, purpose.paths).t.reshape(layers, 2, stepRows.count);
    const stays = ops.ge_Tensor(draws, rates).to('float64');
    return stays.div(rates.neg().add(1)).to('float32');
  });
}
