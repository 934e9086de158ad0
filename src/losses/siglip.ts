// b pairs of this rank, B of all ranks, E embedding.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/**
 * SigLIP's loss (Zhai et al. 2023, equation 1): a binary classification of each image-text pair.
 *
 *   L = -1/b sum_i sum_j log sigmoid( z_ij (s x_i . y_j + bias) ),   z_ij = 1 for a pair, -1 for all others
 *
 * @param imageFeatures [b, E], rows of unit length. @param textFeatures [B, E], likewise, of all ranks.
 * @param offset this rank's first row of `textFeatures`. @param logitScale scalar, exponentiated. @param bias scalar.
 * @equation FastCLIP 1: SigLIP (Zhai et al. 2023, equation 1)
 */
export function siglipLoss(
  imageFeatures: Tensor,
  textFeatures: Tensor,
  { logitScale, bias, offset = 0 }: { logitScale: Tensor; bias: Tensor; offset?: number },
): Tensor {
  const rows = imageFeatures.shape[0];
  const logits = imageFeatures.matmul(textFeatures.t).mul(logitScale).add(bias); // [b, B]
  // -log sigmoid(z x) = softplus(-z x), and softplus(-x) = softplus(x) - x.
  const pairs = logits.narrow(1, offset, rows).diagonal();
  return ops.softplus(logits).sum().sub(pairs.sum()).div(rows);
}
