import type { Int8Rows } from './int8.ts';

export interface Nearest {
  /** Nearest first; equals in the order of their rows. */
  readonly rows: number[];
  readonly scores: number[];
}

/** The rows with the largest products. @param query [E] */
export function nearest(query: Float32Array, table: Int8Rows, limit: number): Nearest {
  const scores = products(query, table);
  const bar = scores.length > limit ? scores.toSorted()[scores.length - limit]! : Number.NEGATIVE_INFINITY;
  const rows: number[] = [];
  scores.forEach((score, row) => {
    if (score >= bar) rows.push(row);
  });
  const best = rows.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, limit);
  return { rows: best, scores: best.map((row) => scores[row]!) };
}

/** [N]. Four sums at once: each addition would else wait for the one before. */
function products(query: Float32Array, { dim, values, scales }: Int8Rows): Float32Array {
  const whole = dim - (dim % 4);
  return scales.map((scale, row) => {
    const from = row * dim;
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let i = 0, at = from; i < whole; i += 4, at += 4) {
      a += query[i]! * values[at]!;
      b += query[i + 1]! * values[at + 1]!;
      c += query[i + 2]! * values[at + 2]!;
      d += query[i + 3]! * values[at + 3]!;
    }
    for (let i = whole; i < dim; i++) a += query[i]! * values[from + i]!;
    return (a + b + c + d) * scale;
  });
}
