import { scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { keptTokens } from './compression.ts';
import { purpose, type StepRows, stepRandom } from './step-random.ts';

/**
 * Indices of the patch tokens that stay: int64 [count, K], K = floor((1 - d) N), uniform without replacement in each row.
 * The first K places of sorted random keys, as in MAE (He et al. 2022). Nothing waits for the device.
 * @param options.patches N of one sequence
 */
export function keepTokens(
  at: StepRows,
  { patches, tokenDropout }: { patches: number; tokenDropout: number },
): Tensor {
  const kept = keptTokens(patches, tokenDropout);
  return scope(() => {
    const keys = stepRandom(at, patches, purpose.tokens);
    return ops.argsort(keys, 1).narrow(1, 0, kept).contiguous();
  });
}
