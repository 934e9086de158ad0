import type { Recall } from './page.ts';

/** L2-normalised embeddings, one row after another. */
export interface Embeddings {
  rows: Float32Array;
  width: number;
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

/** Text to picture where picture i is the only right answer to query i. Ties count as wrong, so that equal scores earn nothing. */
export function recall(queries: Embeddings, pictures: Embeddings): Recall {
  const ranks = Array.from({ length: rowCount(queries) }, (_, query) => {
    const similarity = scores(queries, query, pictures);
    return similarity.filter((score, picture) => picture !== query && score >= similarity[query]!).length;
  });
  const within = (count: number) => ranks.filter((rank) => rank < count).length / ranks.length;
  return { at1: within(1), at5: within(5), at10: within(10) };
}

/** Recall of a guess among `size` pictures. */
export function chanceRecall(size: number): Recall {
  const within = (count: number) => Math.min(1, count / size);
  return { at1: within(1), at5: within(5), at10: within(10) };
}
