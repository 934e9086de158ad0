// b queries of this rank, B keys of all ranks, E embedding.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { positivesOf } from './positives.ts';

/** Keys of all ranks. `offset` is this rank's first row. */
export interface GatheredKeys {
  keys: Tensor; // [..., B, E]
  offset: number;
}

/**
 * MoCo v3's contrastive loss (Chen et al. 2021, equation 1 and algorithm 1).
 *
 *   ctr(q, k) = 2 tau CE(q K^T / tau, positives) = 2 tau mean_i [ log sum_j exp(q_i k_j / tau) - q_i k_i / tau ]
 *
 * The factor 2 tau keeps the gradient's size independent of tau. Keys should have no gradient.
 * With `gathered`, the mean over ranks is the loss of the whole batch.
 *
 * @param queries, keys [..., b, E], rows of unit length; row i of both is one picture. Leading dimensions are summed.
 * @equation FastCL 7.1: loss: ctr(q, k) = 2 tau mean_i [log sum_j exp(q_i k_j / tau) - q_i k_i / tau], with keys of all ranks, without gradient
 */
export function queryKeyLoss(
  queries: Tensor,
  keys: Tensor,
  { temperature, gathered = { keys, offset: 0 } }: { temperature: number; gathered?: GatheredKeys },
): Tensor {
  const logits = queries.matmul(gathered.keys.transpose(-2, -1)).div(temperature); // [..., b, B]
  const logShares = positivesOf(ops.log_softmax_int(logits, -1), gathered.offset); // [..., b]
  return logShares
    .mean(-1)
    .sum()
    .mul(-2 * temperature);
}
