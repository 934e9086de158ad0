// B samples, E width.
import { unitRows } from '../nn/unit-rows.ts';
import { noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Rows that are looked at, at most: the time of the eigenvalues grows with the cube. */
const MOST = 256;

/**
 * A spread below which rows count as one point: they are then a hundredth of their length, half a degree, from their mean, about what
 * bfloat16 rounds away. Without its stop-gradient DINO is there within 50 steps; runs that learn stay at twice to fifty times as
 * much (collapse.test.ts).
 */
const ONE_POINT = 0.01;

/** What features look like, and whether a method has collapsed. */
export type FeatureStatistics = Record<
  'feature_std' | 'effective_rank' | 'projection_std' | 'collapsed',
  Tensor
>;

/**
 * Whether features still tell pictures apart. Scalars, of the first 256 rows:
 * `feature_std`: the spread of the backbone's features: 1 when they are even on the sphere, 0 when they are one point.
 * `effective_rank`: in how many directions they differ, from 1 to min(B, E).
 * `projection_std`: the spread of what the loss compares, which can be one point while features are not.
 * `collapsed`: 1 when either spread is below 0.01, else 0.
 * @param features [B, E] of the backbone
 * @param projections [B, E'] of the heads
 */
export function featureStatistics(features: Tensor, projections: Tensor): FeatureStatistics {
  return noGrad(() => {
    const [rows, projected] = [features, projections].map((given) =>
      unitRows(given.detach().narrow(0, 0, Math.min(given.shape[0], MOST))),
    );
    const [std, projectedStd] = [spread(rows), spread(projected)];
    return {
      feature_std: std,
      effective_rank: effectiveRank(rows),
      projection_std: projectedStd,
      collapsed: ops.lt_Scalar(ops.minimum(std, projectedStd), ONE_POINT).to('float32'),
    };
  });
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
  return shares.mul(shares.clamp(Number.MIN_VALUE, null).log()).sum().neg().exp();
}
