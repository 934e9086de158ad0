// N pictures, C classes.
import { finiteRows } from '../nn/finite.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Shares of pictures, in [0, 1], whose class is the first, or among the first five. */
export interface Accuracy {
  top1: number;
  top5: number;
}

/** Metrics such as `knn_top1`, `knn_top5`. */
export const accuracyMetrics = (name: string) => ({
  [`${name}_top1`]: ({ top1 }: Accuracy) => top1,
  [`${name}_top5`]: ({ top5 }: Accuracy) => top5,
});

/** A share as text: `71.23 %`. */
export const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

/** `k-nn           top-1 71.23 %  top-5 99.00 %  (100 pictures, 10 classes, DETAILS)`. */
export function accuracyLine(
  title: string,
  { top1, top5, pictures, classes }: Accuracy & { pictures: number; classes: number },
  details?: string,
): string {
  const facts = [`${pictures} pictures`, `${classes} classes`, ...(details ? [details] : [])].join(', ');
  return `${title.padEnd(13)}  top-1 ${percent(top1)}  top-5 ${percent(top5)}  (${facts})`;
}

/** Limits memory: a comparison needs a few times [rows, C]. */
const ROWS_PER_PART = 4096;

/**
 * Accuracy of scores [N, C] for labels [N] in [0, C) on the same device. Ties count as if broken by chance: constant scores
 * have the accuracy of chance. Rows with NaN or an infinity, and rows without a class (-1), are wrong.
 * @equation FastCL 7.5: accuracy; ties count as if broken by chance
 */
export function accuracy(scores: Tensor, labels: Tensor): Accuracy {
  const count = scores.shape[0];
  const hits = { top1: 0, top5: 0 };
  for (let first = 0; first < count; first += ROWS_PER_PART) {
    const rows = Math.min(ROWS_PER_PART, count - first);
    const [one, five] = noGrad(() =>
      scope(() => hitsWithin(scores.narrow(0, first, rows), labels.narrow(0, first, rows))),
    );
    hits.top1 += one;
    hits.top5 += five;
  }
  return { top1: hits.top1 / count, top5: hits.top5 / count };
}

/** Expected hits among the first and the first five: the share of the tied places that are within k. */
function hitsWithin(scores: Tensor, labels: Tensor): [number, number] {
  const trueScore = scores.gather(1, labels.clamp(0, null).unsqueeze(1)); // [rows, 1]
  const higher = scores.gt(trueScore).to('float32').sum(1);
  const ties = scores.eq(trueScore).to('float32').sum(1); // counts the class itself; 0 for NaN
  const real = ops.logical_and(finiteRows(scores), labels.gt(-1)).to('float32');
  const within = (k: number) =>
    higher.neg().add(k).div(ties.clamp(1, null)).clamp(0, 1).mul(real).sum().item();
  return [within(1), within(5)];
}
