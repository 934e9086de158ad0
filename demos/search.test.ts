import { describe, expect, it } from 'vitest';
import { chanceRecall, nearest, recall } from './search.ts';

describe('search', () => {
  const pictures = { width: 2, rows: Float32Array.of(1, 0, 0, 1, 0.6, 0.8) };

  it('counts a query as found when its own picture is near enough, and a tie as not', () => {
    expect(recall(pictures, pictures)).toEqual({ at1: 1, at5: 1, at10: 1 });
    const swapped = { width: 2, rows: Float32Array.of(0, 1, 1, 0, 0.6, 0.8) };
    expect(recall(swapped, pictures)).toEqual({ at1: 1 / 3, at5: 1, at10: 1 });
    const same = { width: 2, rows: new Float32Array(2 * 30) };
    expect(recall(same, same)).toEqual({ at1: 0, at5: 0, at10: 0 });
  });

  it('orders by score and knows chance', () => {
    expect(nearest(Float64Array.of(0.1, 0.9, 0.5), 2)).toEqual([1, 2]);
    expect(chanceRecall(250)).toEqual({ at1: 1 / 250, at5: 1 / 50, at10: 1 / 25 });
  });

  it('recall of some queries is over all candidates; a tie is a miss', () => {
    const candidates = { width: 2, rows: Float32Array.of(1, 0, 0, 1, 0.6, 0.8, 0, 1) };
    const queries = { width: 2, rows: Float32Array.of(1, 0, 0, 1, 1, 0, 0.6, 0.8) };
    // Ranks: 0 is first; 1 ties with 3; 2 is second after 0; 3 ties with 1 below 2.
    expect(recall(queries, candidates, [0])).toEqual({ at1: 1, at5: 1, at10: 1 });
    expect(recall(queries, candidates, [0, 1, 2, 3])).toEqual({ at1: 1 / 4, at5: 1, at10: 1 });
  });
});
