// B samples, E width.
import { unitRows } from '../../nn/unit-rows.ts';
import { noGrad, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';

/** Rows that are looked at, at most: the time of the eigenvalues grows with the cube. */
const MOST = 256;

/**
 * A spread below which rows count as one point: they are then a hundredth of their length, half a degree, from their mean, about what
 * bfloat16 rounds away. In collapse.test.ts runs that learn stay above ten times as much.
 */
const ONE_POINT = 0.01;

/**
 * Nats that targets tell of which picture they belong to, below which they count as the same for all. In collapse.test.ts DINO without
 * its stop-gradient is at 1e-7 within 20 steps; as it is meant it stays above 1e-2, and at three times the learning rate, with nearly
 * even targets, above 5e-4.
 */
const NO_INFORMATION = 1e-4;

/** What a method compares in its loss. */
export interface Compared {
  /** [B, E'] of the heads. */
  projections: Tensor;
  /** [N, K]: distributions that are targets, where the method has them. */
  targets?: Tensor;
}

/**
 * Whether features still tell pictures apart. Scalars, of the first 256 rows:
 * `feature_std`: the spread of the backbone's features: 1 when they are even on the sphere, 0 when they are one point.
 * `effective_rank`: in how many directions they differ, from 1 to min(B, E).
 * `projection_std`: the spread of what the loss compares, which can be one point while features are not.
 * `target_entropy`: of a target on average, the least that the loss can be: 0 when sure of one output, log K when of none.
 * `target_information`: between picture and target: 0 when all have the same one, be it sure or even; at most log B.
 * `collapsed`: 1 when the spread of features, or of projections, or the information of targets where there are any, is next to nothing.
 * @param features [B, E] of the backbone
 */
export function featureStatistics(
  features: Tensor,
  { projections, targets }: Compared,
): Record<string, Tensor> {
  return noGrad(() => {
    const [rows, projected] = [features, projections].map((given) => unitRows(first(given)));
    const [std, projectedStd] = [spread(rows), spread(projected)];
    const information = targets && targetInformation(first(targets));
    // Outputs that a centre is taken from may be close together: there the targets count.
    const compared = information
      ? information.target_information.sub(NO_INFORMATION)
      : projectedStd.sub(ONE_POINT);
    return {
      feature_std: std,
      effective_rank: effectiveRank(rows),
      projection_std: projectedStd,
      ...information,
      collapsed: ops.lt_Scalar(ops.minimum(std.sub(ONE_POINT), compared), 0).to('float32'),
    };
  });
}

const first = (rows: Tensor) => rows.detach().narrow(0, 0, Math.min(rows.shape[0], MOST));

/** Of distributions p_i [N, K]: mean_i H(p_i), and H(mean_i p_i) - mean_i H(p_i). */
export function targetInformation(targets: Tensor): Record<'target_entropy' | 'target_information', Tensor> {
  const entropy = (p: Tensor) => p.mul(p.clamp(1e-30, null).log()).sum(-1).neg();
  const each = entropy(targets).mean();
  return { target_entropy: each, target_information: entropy(targets.mean(0)).sub(each) };
}

/** The mean over dimensions of the standard deviation over unit rows, times sqrt(E) (Chen & He 2021, figure 2). */
export function spread(rows: Tensor): Tensor {
  return ops.std_correction(rows, [0], 0).mean().mul(Math.sqrt(rows.shape[1]));
}

/**
 * exp of the entropy of the singular values, normalised to sum to one (Roy & Vetterli 2007), from the eigenvalues of the smaller Gram
 * matrix: their squares, hence float64.
 */
export function effectiveRank(given: Tensor): Tensor {
  const rows = given.to('float64');
  const [count, width] = rows.shape;
  const gram = count <= width ? rows.matmul(rows.t) : rows.t.matmul(rows);
  const singular = ops.linalg_eigvalsh(gram).clamp(0, null).sqrt();
  const shares = singular.div(singular.sum());
  return shares.mul(shares.clamp(1e-300, null).log()).sum().neg().exp();
}
