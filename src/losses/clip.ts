// B batch, E embedding.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { positivesOf } from './positives.ts';

/** Features of all ranks, with gradient. `offset` is this rank's first row. */
export interface GatheredFeatures {
  image: Tensor; // [B, E]
  text: Tensor; // [B, E]
  offset: number;
}

/**
 * CLIP's symmetric InfoNCE over the batch (Radford et al. 2021, figure 3).
 *
 *   L = 1/2 [ CE(s I T^T, diag) + CE(s T I^T, diag) ],   s = logitScale = 1 / temperature
 *
 * With `gathered`, the mean over ranks is the loss of the whole batch.
 *
 * @param imageFeatures, textFeatures [b, E], rows of unit length.
 * @param logitScale scalar, exponentiated.
 * @equation FastCLIP 1.2: InfoNCE over the batch (OpenCLIP), the positive in the denominator
 */
export function clipLoss(
  imageFeatures: Tensor,
  textFeatures: Tensor,
  { logitScale, gathered }: { logitScale: Tensor; gathered?: GatheredFeatures },
): Tensor {
  if (!gathered) {
    const logits = imageFeatures.matmul(textFeatures.t).mul(logitScale); // [B, B]
    const logShares = ops.log_softmax_int(logits, 1).add(ops.log_softmax_int(logits, 0));
    return logShares.diagonal().mean().mul(-0.5);
  }
  const oneWay = (queries: Tensor, candidates: Tensor) => {
    const logits = queries.matmul(candidates.t).mul(logitScale); // [b, B]
    return positivesOf(ops.log_softmax_int(logits, 1), gathered.offset);
  };
  return oneWay(imageFeatures, gathered.text).add(oneWay(textFeatures, gathered.image)).mean().mul(-0.5);
}
