// B batch, E embedding.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/**
 * OpenCLIP's mini-batch loss: symmetric InfoNCE over the batch, the positive in the denominator (Radford et al. 2021, figure 3).
 *
 *   L = 1/2 [ CE(s I T^T, diag) + CE(s T I^T, diag) ],   s = logitScale = 1 / temperature
 *
 * @param imageFeatures, textFeatures [B, E], rows of unit length.
 * @param logitScale scalar, already exponentiated.
 */
export function clipLoss(imageFeatures: Tensor, textFeatures: Tensor, logitScale: Tensor): Tensor {
  const logits = imageFeatures.matmul(textFeatures.t).mul(logitScale); // [B, B]
  const positives = logits.diagonal(); // [B]
  const perImage = ops.logsumexp(logits, [1]).sub(positives);
  const perText = ops.logsumexp(logits, [0]).sub(positives);
  return perImage.add(perText).mean().mul(0.5);
}
