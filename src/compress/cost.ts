// Cost of one sample in a training step, in forward passes of the model's whole sequence (Lin et al. 2024, table 1;
// docs/papers/fastcl.md, section 1.6). A forward pass costs as much as it has tokens, a backward pass twice that. Heads, optimizer and
// loader do not count.

/** Tokens of the sequences in a step, by sequenceLength(). */
export interface Lengths {
  /** L of the trained net's sequence. */
  query: number;
  /** L of the target's. */
  key: number;
  /** L_base, of a whole sequence. */
  base: number;
}

/** Forward and backward. */
const trained = (length: number) => 3 * length;

/** CLIP's image tower: 3 L_q. Texts are never compressed, and do not count. */
export function imageTowerCost({ query, base }: Omit<Lengths, 'key'>): number {
  return trained(query) / base;
}

/** Both views train the same net: 3 (L_q + L_k). */
export function simclrCost({ query, key, base }: Lengths): number {
  return (trained(query) + trained(key)) / base;
}

/** 3 L_q + L_k, twice that for the symmetric loss, which takes each view through both nets. */
export function mocoV3Cost({ query, key, base }: Lengths, { symmetric }: { symmetric: boolean }): number {
  return ((symmetric ? 2 : 1) * (trained(query) + key)) / base;
}

export interface DinoLengths extends Lengths {
  /** L of a local crop. */
  local: number;
  /** How many local crops there are. */
  localCrops: number;
}

/** 3 L_q + 3 K L_small + L_k, as the paper counts: one global crop for each net. The authors' code takes two through both. */
export function dinoCost(
  { query, key, local, localCrops, base }: DinoLengths,
  { globalCrops }: { globalCrops: 1 | 2 },
): number {
  return (globalCrops * (trained(query) + key) + localCrops * trained(local)) / base;
}
