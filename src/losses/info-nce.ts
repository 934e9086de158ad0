// b queries of this rank, B keys of all ranks, E embedding.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Keys of all ranks, and the row at which this rank's begin. */
export interface GatheredKeys {
  keys: Tensor; // [B, E]
  offset: number;
}

/**
 * MoCo v3's contrastive loss of queries against keys (Chen et al. 2021, equation 1 and algorithm 1):
 *
 *   ctr(q, k) = 2 tau CE(q K^T / tau, positives) = 2 tau mean_i [ log sum_j exp(q_i k_j / tau) - q_i k_i / tau ]
 *
 * The factor 2 tau keeps the size of the gradient about the same whatever tau is. Keys are taken as they come: to learn
 * from the queries alone they must have no gradient. With `gathered` keys it is this rank's share: the mean over ranks is the loss of
 * the whole batch.
 *
 * @param queries, keys [b, E] of this rank, rows of unit length; row i of both is one picture.
 */
export function queryKeyLoss(
  queries: Tensor,
  keys: Tensor,
  { temperature, gathered = { keys, offset: 0 } }: { temperature: number; gathered?: GatheredKeys },
): Tensor {
  const logits = queries.matmul(gathered.keys.t).div(temperature); // [b, B]
  const positives = logits.narrow(1, gathered.offset, queries.shape[0]).diagonal();
  return ops
    .logsumexp(logits, [1])
    .sub(positives)
    .mean()
    .mul(2 * temperature);
}
