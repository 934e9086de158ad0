import { gradsOf, noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/**
 * Scales all gradients to a joint L2 norm of at most `maxNorm` (torch.nn.utils.clip_grad_norm_). Returns the norm before, a scalar.
 * @equation FastCLIP 5: the norm of all gradients together is at most `clipGradNorm`
 */
export function clipGradNorm(params: readonly Tensor[], maxNorm: number): Tensor {
  return noGrad(() => {
    const grads = gradsOf(params).filter((grad) => grad !== null);
    const norm = ops.linalg_vector_norm(ops.stack(ops._foreach_norm_Scalar(grads, 2)), 2);
    const factor = norm.add(1e-6).pow(-1).mul(maxNorm).clamp(null, 1);
    if (ops.has('aten::_foreach_mul_.Tensor')) ops._foreach_mul__Tensor(grads, factor);
    else
      ops._foreach_mul__List(
        grads,
        grads.map(() => factor),
      );
    return norm;
  });
}

/**
 * Scales each gradient to an L2 norm of at most `maxNorm` (DINO, Caron et al. 2021, clip_gradients).
 * @equation FastCL 7.3: the norm of each parameter's gradient is at most `clipEachGradNorm`
 */
export function clipEachGradNorm(params: readonly Tensor[], maxNorm: number): void {
  noGrad(() => {
    const grads = gradsOf(params).filter((grad) => grad !== null);
    const norms = ops.stack(ops._foreach_norm_Scalar(grads, 2)); // [parameters]
    const factors = norms.add(1e-6).pow(-1).mul(maxNorm).clamp(null, 1);
    ops._foreach_mul__List(
      grads,
      grads.map((grad, i) => factors.select(0, i).to(grad.dtype)),
    );
  });
}
