// B samples, E width.
import { unitRows } from '../../nn/unit-rows.ts';
import { noGrad, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

/** Bounds the time of eigenvalues, which grows with the cube of the rows. */
const MAX_ROWS = 256;

/** Rows of a smaller spread count as one point. It is about bfloat16's rounding; runs that learn stay above ten times as much. */
const MIN_SPREAD = 0.01;

/** Targets of less information count as equal. DINO without stop-gradient falls to 1e-7; runs that learn stay above 5e-4. */
const MIN_INFORMATION_NATS = 1e-4;

export interface Compared {
  projections: Tensor; // [B, E']
  targets?: Tensor; // [N, K] distributions
}

/**
 * Whether features still tell pictures apart (FastCL 10). Scalars over the first 256 rows:
 * `feature_std`: spread of the backbone's features, 1 when uniform on the sphere, 0 when one point.
 * `effective_rank`: number of directions in which they differ, from 1 to min(B, E).
 * `projection_std`: spread of the projections.
 * `target_entropy`: mean entropy of a target in nats, the lower bound of the loss.
 * `target_information`: mutual information of picture and target in nats, 0 when all targets are equal.
 * `collapsed`: 1 when the features, or the targets (else the projections), are nearly equal.
 * @param features [B, E] of the backbone
 * @equation FastCL 10: spread: sqrt(E) times the mean deviation of unit rows over E dimensions; effective rank: exp H(sigma / sum sigma)
 */
export function featureStatistics(
  features: Tensor,
  { projections, targets }: Compared,
): Record<string, Tensor> {
  return noGrad(() => {
    const [rows, projected] = [features, projections].map((tensor) => unitRows(firstRows(tensor)));
    const [std, projectedStd] = [spread(rows), spread(projected)];
    const information = targets && targetInformation(firstRows(targets));
    // Centred outputs may be close together although their targets differ.
    const margin = information
      ? information.target_information.sub(MIN_INFORMATION_NATS)
      : projectedStd.sub(MIN_SPREAD);
    return {
      feature_std: std,
      effective_rank: effectiveRank(rows),
      projection_std: projectedStd,
      ...information,
      collapsed: ops.lt_Scalar(ops.minimum(std.sub(MIN_SPREAD), margin), 0).to('float32'),
    };
  });
}

const firstRows = (rows: Tensor) => rows.detach().narrow(0, 0, Math.min(rows.shape[0], MAX_ROWS));

/** Distributions p_i [N, K] -> mean_i H(p_i), and H(mean_i p_i) - mean_i H(p_i). */
export function targetInformation(targets: Tensor): Record<'target_entropy' | 'target_information', Tensor> {
  const entropy = (p: Tensor) => p.mul(p.clamp(1e-30, null).log()).sum(-1).neg();
  const meanEntropy = entropy(targets).mean();
  return { target_entropy: meanEntropy, target_information: entropy(targets.mean(0)).sub(meanEntropy) };
}

/**
 * sqrt(E) times the mean standard deviation of unit rows (Chen & He 2021, figure 2).
 * @equation FastCL 10: spread: sqrt(E) times the mean deviation of unit rows over E dimensions; effective rank: exp H(sigma / sum sigma)
 */
export function spread(rows: Tensor): Tensor {
  return ops.std_correction(rows, [0], 0).mean().mul(Math.sqrt(rows.shape[1]));
}

/** exp of the entropy of the normalised singular values (Roy & Vetterli 2007). Gram matrices square them, hence float64. */
export function effectiveRank(features: Tensor): Tensor {
  const rows = features.to('float64');
  const [count, width] = rows.shape;
  const gram = count <= width ? rows.matmul(rows.t) : rows.t.matmul(rows);
  const singular = ops.linalg_eigvalsh(gram).clamp(0, null).sqrt();
  const shares = singular.div(singular.sum());
  return shares.mul(shares.clamp(1e-300, null).log()).sum().neg().exp();
}
