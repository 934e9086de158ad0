// N pictures, C classes.
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Shares of pictures, in [0, 1], whose own class is the first, or among the first five. */
export interface Accuracy {
  top1: number;
  top5: number;
}

/** The metrics of an accuracy by name: `knn_top1`, `knn_top5`. */
export const accuracyMetrics = (name: string) => ({
  [`${name}_top1`]: ({ top1 }: Accuracy) => top1,
  [`${name}_top5`]: ({ top5 }: Accuracy) => top5,
});

/** Rows that are compared at a time: the comparison needs a few times [rows, C]. */
const ROWS = 4096;

/**
 * Accuracy of scores [N, C] for labels [N] in [0, C), both on one device. A class that ties with others counts with the
 * share that breaking the tie by chance would give it, so constant scores have the accuracy of chance and the order of
 * classes plays no part. A row with a score that is no number is wrong, and so is one without a class (-1).
 */
export function accuracy(scores: Tensor, labels: Tensor): Accuracy {
  const count = scores.shape[0];
  const hits = { top1: 0, top5: 0 };
  for (let first = 0; first < count; first += ROWS) {
    const rows = Math.min(ROWS, count - first);
    const [one, five] = noGrad(() =>
      scope(() => hitsWithin(scores.narrow(0, first, rows), labels.narrow(0, first, rows))),
    );
    hits.top1 += one;
    hits.top5 += five;
  }
  return { top1: hits.top1 / count, top5: hits.top5 / count };
}

/** Expected hits among the first and the first five: the share of the places that the ties fill which are within k. */
function hitsWithin(scores: Tensor, labels: Tensor): [number, number] {
  const own = scores.gather(1, labels.clamp(0, null).unsqueeze(1)); // [rows, 1]
  const higher = scores.gt(own).to('float32').sum(1);
  const ties = scores.eq(own).to('float32').sum(1); // the class itself among them; 0 when it is no number
  const numbers = scores.eq(scores).to('float32').sum(1).eq(scores.shape[1]);
  const real = ops.logical_and(numbers, labels.gt(-1)).to('float32');
  const within = (k: number) =>
    higher.neg().add(k).div(ties.clamp(1, null)).clamp(0, 1).mul(real).sum().item();
  return [within(1), within(5)];
}
