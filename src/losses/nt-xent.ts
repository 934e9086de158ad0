// b pictures of this rank, B of all ranks, E embedding.
import { arange, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Both views of all ranks, with gradient. `offset` is this rank's first row. */
export interface GatheredViews {
  first: Tensor; // [B, E]
  second: Tensor; // [B, E]
  offset: number;
}

/**
 * SimCLR's NT-Xent (Chen et al. 2020, equation 1). Each of the 2 B views is an anchor a; a+ is the other view of its picture.
 *
 *   L = mean_i l(first_i) + mean_i l(second_i),   l(a) = log sum_{v != a} exp(a v / tau) - a a+ / tau
 *
 * As in the released code, this is twice the mean of the paper's algorithm 1. With `gathered`, the mean over ranks is the loss
 * of the whole batch.
 *
 * @param first, second [b, E], rows of unit length; row i of both is one picture.
 * @equation FastCL 7.2: NT-Xent: sum over both views of mean_i [log sum_{v != a} exp(a v / tau) - a a+ / tau], v over 2B views
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
  return logShares.mean().mul(-2);
}

/**
 * Columns of this rank's anchors and of their positives among all views, int64 [2 b, 1].
 * @equation FastCL 7.2: NT-Xent: sum over both views of mean_i [log sum_{v != a} exp(a v / tau) - a a+ / tau], v over 2B views
 */
function columnsOf(
  first: Tensor,
  { pictures, offset }: { pictures: number; offset: number },
): { self: Tensor; other: Tensor } {
  const { device } = first;
  const start = arange(offset, offset + first.shape[0], { device });
  const end = start.add(pictures);
  return { self: ops.cat([start, end], 0).unsqueeze(1), other: ops.cat([end, start], 0).unsqueeze(1) };
}
