// FastCLIP's section 1 (Wei et al. 2024) as loops over pairs, in plain numbers: what the engine computes is held against these.
import { dot, type Matrix } from './numbers.ts';

export interface Pair {
  image: number[];
  text: number[];
}

export interface Case {
  image: Matrix;
  text: Matrix;
  ids: number[];
  /** One temperature, or one for each anchor (RGCL). */
  tau: number | Pair;
  eps: number;
}

export const each = (f: (side: 'image' | 'text') => number[]): Pair => ({
  image: f('image'),
  text: f('text'),
});

export const tauOf = ({ tau }: Case, side: keyof Pair, i: number): number =>
  typeof tau === 'number' ? tau : tau[side][i];

/** Candidates of anchor i: all that are another sample. */
const candidates = ({ ids }: Case, i: number): number[] =>
  ids.map((_, j) => j).filter((j) => ids[j] !== ids[i]);

/** h_ij / tau_i of an image or of a text as the anchor. */
function scaled(batch: Case, side: keyof Pair, [i, j]: [number, number]): number {
  const { image, text } = batch;
  const h = (side === 'image' ? dot(image[i], text[j]) : dot(image[j], text[i])) - dot(image[i], text[i]);
  return h / tauOf(batch, side, i);
}

/** The mean over candidates of f(h_ij / tau_i), for each anchor. */
const meanOver = (batch: Case, f: (scaled: number) => number): Pair =>
  each((side) =>
    batch.ids.map((_, i) => {
      const others = candidates(batch, i);
      return others.reduce((sum, j) => sum + f(scaled(batch, side, [i, j])), 0) / others.length;
    }),
  );

/** Section 1.2. */
export const naiveG = (batch: Case): Pair => meanOver(batch, Math.exp);

/** a_i of section 1.6, q_i = 1 / (u_i + eps). */
export function naiveA(batch: Case, q: Pair): Pair {
  const slopes = meanOver(batch, (v) => Math.exp(v) * v);
  return each((side) => slopes[side].map((v, i) => q[side][i] * v));
}

/** What the estimator is the gradient of, q fixed: 1/2 1/|B| sum_i [q1_i g1_i + q2_i g2_i]. */
export function weightedG(batch: Case, q: Pair): number {
  const g = naiveG(batch);
  return (dot(q.image, g.image) + dot(q.text, g.text)) / (2 * batch.ids.length);
}

/** The estimator of section 1.5, differentiated by hand and pair by pair. A factor c_i goes into q_i. */
export function naiveGradient(batch: Case, q: Pair): { image: Matrix; text: Matrix } {
  const { image, text, ids } = batch;
  const zero = () => image.map((row) => row.map(() => 0));
  const out = { image: zero(), text: zero() };
  const addTo = (row: number[], factor: number, values: number[]) => {
    for (let k = 0; k < row.length; k++) row[k] += factor * values[k];
  };
  for (const i of ids.keys()) {
    const others = candidates(batch, i);
    const weight = (side: keyof Pair, j: number) =>
      (q[side][i] * Math.exp(scaled(batch, side, [i, j]))) /
      (2 * ids.length * others.length * tauOf(batch, side, i));
    for (const j of others) {
      const w1 = weight('image', j);
      addTo(out.image[i], w1, text[j]); // h1_ij = image_i . text_j - image_i . text_i
      addTo(out.image[i], -w1, text[i]);
      addTo(out.text[j], w1, image[i]);
      addTo(out.text[i], -w1, image[i]);
      const w2 = weight('text', j);
      addTo(out.image[j], w2, text[i]); // h2_ij = image_j . text_i - image_i . text_i
      addTo(out.text[i], w2, image[j]);
      addTo(out.image[i], -w2, text[i]);
      addTo(out.text[i], -w2, image[i]);
    }
  }
  return out;
}
