// b rows of this rank, B of all ranks.
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Each row's value at its own sample: [..., b, B] -> [..., b], a view. @param offset this rank's first column. */
export function positivesOf(rows: Tensor, offset: number): Tensor {
  const [count, width] = rows.shape.slice(-2);
  const square = count === width ? rows : rows.narrow(-1, offset, count);
  return ops.diagonal(square, 0, -2, -1);
}
