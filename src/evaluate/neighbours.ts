// Q queries, N reference rows, E embedding, C classes.
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { type Accuracy, accuracy } from './accuracy.ts';

export interface NeighboursOptions {
  /** Neighbours that vote; fewer where the reference has fewer rows. */
  k: number;
  /** Divides similarities before the exponential. */
  temperature: number;
}

export interface NeighboursReport extends NeighboursOptions, Accuracy {
  pictures: number;
  /** Pictures among which neighbours were looked for. */
  reference: number;
  classes: number;
}

/** Features with their classes. */
export interface LabelledRows {
  /** [N, E], rows of unit length. */
  features: Tensor;
  /** int64 [N], in [0, C). */
  labels: Tensor;
}

/** Numbers that the similarities of one part of the queries may fill: 128 MiB of float32. */
const PART = 2 ** 25;

/**
 * Weighted k-nearest-neighbour votes, [Q, C] (Wu et al. 2018, section 3.4; DINO's protocol): of the k rows with the highest
 * cosine s each gives its class exp(s / T). Votes are divided by exp(s_1 / T) of the nearest, which changes no order and
 * keeps them finite for small T. They are added up from the nearest on, so a device gives the same bits each time. Which
 * of the rows that tie for the last place votes is topk's choice; accuracy() says what becomes of classes that tie.
 */
export function neighbourVotes(
  queries: Tensor,
  reference: LabelledRows,
  { k, temperature, classes }: NeighboursOptions & { classes: number },
): Tensor {
  const [count, rows] = [queries.shape[0], reference.features.shape[0]];
  const device = queries.device;
  return noGrad(() =>
    scope(() => {
      const votes = zeros([count, classes], { device });
      const part = Math.max(1, Math.floor(PART / rows));
      for (let first = 0; first < count; first += part) {
        const size = Math.min(part, count - first);
        scope(() => {
          const similarities = queries.narrow(0, first, size).matmul(reference.features.t); // [part, N]
          const [nearest, at] = ops.topk(similarities, Math.min(k, rows));
          const weights = nearest
            .sub(nearest.narrow(1, 0, 1))
            .div(temperature)
            .exp(); // [part, k]
          addVotes(votes.narrow(0, first, size), { weights, at, labels: reference.labels });
        });
      }
      return votes;
    }),
  );
}

/** Adds each neighbour's weight to its class, one place after the other: within one place no two rows meet. */
function addVotes(
  votes: Tensor,
  { weights, at, labels }: { weights: Tensor; at: Tensor; labels: Tensor },
): void {
  const [rows, classes] = votes.shape;
  const starts = ops.arange_start_step(0, rows * classes, classes, 'int64', undefined, votes.device); // [rows]
  const flat = votes.view(-1);
  for (let place = 0; place < at.shape[1]; place++) {
    const of = labels.indexSelect(0, at.select(1, place)).add(starts);
    ops.index_add_(flat, 0, of, weights.select(1, place));
  }
}

/** Accuracy of weighted k-nearest-neighbour classification of held-out pictures by labelled ones. */
export function neighbours(
  queries: LabelledRows,
  reference: LabelledRows,
  options: NeighboursOptions & { classes: number },
): NeighboursReport {
  const { k, temperature, classes } = options;
  const found = scope(() => accuracy(neighbourVotes(queries.features, reference, options), queries.labels));
  const [pictures, rows] = [queries.features.shape[0], reference.features.shape[0]];
  return { pictures, reference: rows, classes, k: Math.min(k, rows), temperature, ...found };
}
