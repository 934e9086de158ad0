import { scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { keptTokens } from './compression.ts';
import { purpose, type StepRows, stepRandom } from './step-random.ts';

/**
 * Patch tokens that stay: int64 [count, K], K = floor((1 - d) N), without replacement in each row. The K least of random keys,
 * as in MAE (He et al. 2022). Does not wait for the device.
 * @equation FastCL 1.3: the kept tokens: a uniform random subset for each sample
 */
export function keepTokens(
  stepRows: StepRows,
  { patches, tokenDropout }: { patches: number; tokenDropout: number },
): Tensor {
  const kept = keptTokens(patches, tokenDropout);
  return scope(() => {
    const keys = stepRandom(stepRows, patches, purpose.tokens);
    return ops.argsort(keys, 1).narrow(1, 0, kept).contiguous();
  });
}
