// Q queries, N candidates, E embedding.
import { finiteRows } from '../nn/finite.ts';
import { noGrad, scope, type Tensor, tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Shares of queries, in [0, 1], that have a partner among the best 1, 5, 10. */
export interface Recall {
  r1: number;
  r5: number;
  r10: number;
}

export interface GroupedRows {
  /** [N, E], rows of unit length. */
  features: Tensor;
  /** A query's partners are the candidates of its group. */
  groups: ArrayLike<number>;
}

/** Where a query's best partner stands. */
interface Place {
  /** Other candidates that score higher. */
  higher: number;
  /** Other candidates that score the same. */
  ties: number;
  /** Partners that score the same, with the best itself; 0 for a miss whatever the rank. */
  partners: number;
}

/**
 * Ties count as if broken by chance: constant features have the recall of chance. A query that is not finite is a miss, and a candidate
 * that is not finite is nobody's.
 */
export function recall(queries: GroupedRows, candidates: GroupedRows): Recall {
  const places = placesOf(queries, candidates);
  const within = (k: number) => places.reduce((sum, place) => sum + chance(place, k), 0) / places.length;
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/** That a partner is among the best k, when candidates with the same score come in any order. */
function chance({ higher, ties, partners }: Place, k: number): number {
  if (partners === 0) return 0;
  let miss = 1;
  for (let place = 0; place < k - higher && miss > 0; place++)
    miss *= Math.max(0, ties - place) / (ties + partners - place);
  return 1 - miss;
}

/** Similarities in memory at once: 64 MiB. */
const MAX_SCORES = 2 ** 24;

function placesOf(queries: GroupedRows, candidates: GroupedRows): Place[] {
  const [count, others] = [queries.features.shape[0], candidates.features.shape[0]];
  return noGrad(() =>
    scope(() => {
      const unusable = finiteRows(candidates.features).logicalNot();
      const { partners, absent } = partnersOf(queries, candidates);
      const part = Math.max(1, Math.floor(MAX_SCORES / others));
      const all: Place[] = [];
      for (let first = 0; first < count; first += part) {
        const cut = (rows: Tensor) => rows.narrow(0, first, Math.min(part, count - first));
        all.push(
          ...scope(() => {
            const products = cut(queries.features).matmul(candidates.features.t); // [part, N]
            const scores = ops.masked_fill_Scalar(products, unusable, Number.NEGATIVE_INFINITY);
            const own = scores.gather(1, cut(partners));
            return placesIn(scores, ops.masked_fill_Scalar(own, cut(absent), Number.NEGATIVE_INFINITY));
          }),
        );
      }
      return all;
    }),
  );
}

/** int64 [Q, most]: the candidates of each query's group; and where there are fewer than `most`. */
function partnersOf(queries: GroupedRows, candidates: GroupedRows): { partners: Tensor; absent: Tensor } {
  const members = new Map<number, number[]>();
  for (const [row, group] of Array.from(candidates.groups).entries()) {
    const known = members.get(group);
    if (known) known.push(row);
    else members.set(group, [row]);
  }
  const rows = Array.from(queries.groups, (group) => members.get(group) ?? []);
  const most = rows.reduce((max, { length }) => Math.max(max, length), 1);
  const table = new BigInt64Array(rows.length * most).fill(-1n);
  for (const [i, row] of rows.entries()) table.set(row.map(BigInt), i * most);
  const partners = tensor(table, [rows.length, most], { device: queries.features.device });
  return { partners: partners.clamp(0, null), absent: partners.eq(-1) };
}

/** Scores [Q, N], and those of partners, [Q, most], which are minus infinity where there is none. */
function placesIn(scores: Tensor, own: Tensor): Place[] {
  const best = ops.amax(own, 1, true); // [Q, 1]; NaN for a query that is not finite
  const count = (mask: Tensor) => mask.to('float32').sum(1).toNumbers();
  const [higher, same, partners, usable] = [
    count(scores.gt(best)),
    count(scores.eq(best)),
    count(own.eq(best)),
    finiteRows(best).to('float32').toNumbers(),
  ];
  return partners.map((own, i) => ({
    higher: higher[i],
    ties: same[i] - own,
    partners: own * usable[i],
  }));
}
