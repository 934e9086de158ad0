// N rows, D width.
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** bool [N]: whether all numbers of a row of [N, D] are finite. */
export const finiteRows = (x: Tensor): Tensor => x.mul(0).sum(1).eq(0);

/**
 * The first weight whose norm is not finite, as text: `visual.proj is not finite: its norm is NaN`. Values beyond 1e19 have no finite
 * norm in float32, and a model with such ones gives nothing either.
 */
export function weightNotFinite(weights: ReadonlyMap<string, Tensor>): string | undefined {
  const named = [...weights].filter(([, { dtype }]) => dtype !== 'int64');
  const norms = noGrad(() =>
    scope(() => {
      const tensors = named.map(([, tensor]) => tensor);
      return ops.stack(ops._foreach_norm_Scalar(tensors, 2)).toNumbers();
    }),
  );
  const bad = norms.findIndex((norm) => !Number.isFinite(norm));
  return bad < 0 ? undefined : `weight ${named[bad][0]} is not finite: its norm is ${norms[bad]}`;
}
