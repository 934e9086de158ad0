// b rows of this rank, B columns of all ranks.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Each row's value in the column of its own sample: [..., b, B] -> [..., b], a view. @param offset this rank's first column */
export function positivesOf(rows: Tensor, offset: number): Tensor {
  const [count, width] = rows.shape.slice(-2);
  const own = count === width ? rows : rows.narrow(-1, offset, count);
  return ops.diagonal(own, 0, -2, -1);
}
