/** L2-normalised embeddings, one row after another. */
export interface Embeddings {
  rows: Float32Array;
  width: number;
}

/** Share of queries, 0 to 1, whose picture is among the first 1, 5 and 10. */
export interface Recall {
  at1: number;
  at5: number;
  at10: number;
}

export const rowCount = ({ rows, width }: Embeddings): number => rows.length / width;

/** Cosine similarity of one query with every picture. */
export function scores(queries: Embeddings, query: number, pictures: Embeddings): Float64Array {
  const { width } = queries;
  const result = new Float64Array(rowCount(pictures));
  for (let picture = 0; picture < result.length; picture++) {
    let sum = 0;
    for (let index = 0; index < width; index++) {
      sum += queries.rows[query * width + index]! * pictures.rows[picture * width + index]!;
    }
    result[picture] = sum;
  }
  return result;
}

/** The pictures nearest to one query, best first. */
export function nearest(similarity: Float64Array, count: number): number[] {
  const order = Array.from(similarity.keys());
  return order.sort((a, b) => similarity[b]! - similarity[a]! || a - b).slice(0, count);
}

/**
 * Recall where candidate i is the only right answer to query i, over all queries or those of `chosen`. A tie counts as wrong,
 * so that equal scores earn nothing.
 */
export function recall(
  queries: Embeddings,
  candidates: Embeddings,
  chosen: Iterable<number> = Array(rowCount(queries)).keys(),
): Recall {
  const ranks = Array.from(chosen, (query) => {
    const similarity = scores(queries, query, candidates);
    return similarity.filter((score, other) => other !== query && score >= similarity[query]!).length;
  });
  return recallWithin((count) => ranks.filter((rank) => rank < count).length / ranks.length);
}

/** Recall of a guess among `size` pictures. */
export const chanceRecall = (size: number): Recall => recallWithin((count) => Math.min(1, count / size));

const recallWithin = (share: (count: number) => number): Recall => ({
  at1: share(1),
  at5: share(5),
  at10: share(10),
});
