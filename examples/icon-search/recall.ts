import type { Recall } from '../emoji-search/page.ts';
import { type Embeddings, scores } from '../emoji-search/search.ts';

/** Retrieval both ways between the pictures of a pack and its captions. */
export interface TestResult {
  name: string;
  queries: number;
  /** Candidates, of which one is right. */
  gallery: number;
  chance: Recall;
  textToPicture: Recall;
  pictureToText: Recall;
}

/**
 * Recall of some rows over all candidates, where candidate i is the only right answer to row i. Ties count as wrong, so
 * that equal scores earn nothing.
 */
export function partRecall(queries: Embeddings, candidates: Embeddings, chosen: number[]): Recall {
  const ranks = chosen.map((query) => {
    const similarity = scores(queries, query, candidates);
    let better = 0;
    for (let at = 0; at < similarity.length; at++) {
      if (at !== query && similarity[at]! >= similarity[query]!) better++;
    }
    return better;
  });
  const within = (count: number) => ranks.filter((rank) => rank < count).length / ranks.length;
  return { at1: within(1), at5: within(5), at10: within(10) };
}
