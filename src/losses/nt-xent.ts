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
  const both = ops.cat([first, second], 0); // [2 b, E]
  const isAll = gathered.first === first && gathered.second === second;
  const all = isAll ? both : ops.cat([gathered.first, gathered.second], 0); // [2 B, E]
  const { self, other } = columnsOf(first, { pictures: gathered.first.shape[0], offset: gathered.offset });
  const columns = arange(0, all.shape[0], { device: first.device });
  const logits = both.matmul(all.t).div(temperature); // [2 b, 2 B]
  const masked = ops.masked_fill_Scalar(logits, columns.eq(self), Number.NEGATIVE_INFINITY);
  const logShares = ops.log_softmax_int(masked, 1).gather(1, other); // [2 b, 1]
  return logShares.mean().mul(-2); // the mean of each view's, added up
}

/** Where the anchors of this rank, and the other views of their pictures, stand among all views: int64 [2 b, 1] each. */
function columnsOf(
  first: Tensor,
  { pictures, offset }: { pictures: number; offset: number },
): { self: Tensor; other: Tensor } {
  const { device } = first;
  const start = arange(offset, offset + first.shape[0], { device });
  const end = start.add(pictures);
  return { self: ops.cat([start, end], 0).unsqueeze(1), other: ops.cat([end, start], 0).unsqueeze(1) };
}
