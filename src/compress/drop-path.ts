import { arange, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { purpose, type StepRows, stepRandom } from './step-random.ts';

/** Stochastic depth (Huang et al. 2016), as in DINO's student. */
export interface DropPath {
  /** Probability that the last block's attention or MLP is left out, in [0, 1). It rises linearly from 0 in the first block. */
  rate: number;
  layers: number;
}

/** Factor of each branch of each sample, float32 [layers, 2, count]: 0, or 1 / (1 - rate) of its block. */
export function dropPathScales(at: StepRows, { rate, layers }: DropPath): Tensor {
  return scope(() => {
    const rates = arange(0, layers, { dtype: 'float64', device: at.device })
      .mul(rate / Math.max(1, layers - 1))
      .view(layers, 1, 1);
    const draws = stepRandom(at, 2 * layers, purpose.paths).t.reshape(layers, 2, at.count);
    const stays = ops.ge_Tensor(draws, rates).to('float64');
    return stays.div(rates.neg().add(1)).to('float32');
  });
}
