import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Rows of unit length (L2) over the last dimension, in float32 or wider. */
export function unitRows(x: Tensor): Tensor {
  const exact = x.dtype === 'float64' ? x : x.to('float32');
  return exact.div(ops.linalg_vector_norm(exact, 2, -1, true).clamp(1e-12, null));
}
