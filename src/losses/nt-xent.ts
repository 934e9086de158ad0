// b pictures of this rank, B of all ranks, E embedding.
import { arange, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Both views of all ranks, with gradient, and the row at which this rank's begin. */
export interface GatheredViews {
  first: Tensor; // [B, E]
  second: Tensor; // [B, E]
  offset: number;
}

/**
 * SimCLR's NT-Xent (Chen et al. 2020, equation 1): each of the 2 B views is an anchor, the other view of its picture the positive,
 * the 2 B - 2 views of other pictures the negatives; an anchor is not compared with itself.
 *
 *   L = mean_i l(first_i) + mean_i l(second_i),   l(a) = log sum_{v != a} exp(a v / tau) - a a+ / tau
 *
 * The sum of both directions, as in the released code: twice the mean over anchors of the paper's algorithm 1. With `gathered` views
 * it is this rank's share: the mean over ranks is the loss of the whole batch.
 *
 * @param first, second [b, E] of this rank, rows of unit length; row i of both is one picture.
 */
export function ntXentLoss(
  first: Tensor,
  second: Tensor,
  { temperature, gathered = { first, second, offset: 0 } }: { temperature: number; gathered?: GatheredViews },
): Tensor {
  const { offset } = gathered;
  const self = selfMask(first, { rows: gathered.first.shape[0], offset });
  const oneWay = (anchors: Tensor, own: Tensor, others: Tensor) => {
    const same = anchors.matmul(own.t).div(temperature); // [b, B]
    const across = anchors.matmul(others.t).div(temperature); // [b, B], positives among them
    const logits = ops.cat([ops.masked_fill_Scalar(same, self, -Infinity), across], 1);
    return ops.logsumexp(logits, [1]).sub(across.narrow(1, offset, anchors.shape[0]).diagonal());
  };
  return oneWay(first, gathered.first, gathered.second)
    .add(oneWay(second, gathered.second, gathered.first))
    .mean();
}

/** Where an anchor meets itself: bool [b, B]. */
function selfMask(anchors: Tensor, { rows, offset }: { rows: number; offset: number }): Tensor {
  const device = anchors.device;
  const mine = arange(offset, offset + anchors.shape[0], { device }).unsqueeze(1);
  return arange(0, rows, { device }).unsqueeze(0).eq(mine);
}
