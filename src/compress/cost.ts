// What a sample of a training step costs, in forward passes of the model's own whole sequence (section 1.6; Lin et al. 2024, table 1).
// A forward pass takes time in proportion to the tokens, a backward pass twice that; heads, optimizer and loader are left out.
// Lengths are of sequenceLength() (compression.ts), the class token among them.

/** Tokens of the sequences in a step. */
export interface Lengths {
  /** L of the trained net's sequence. */
  query: number;
  /** L of the target's. */
  key: number;
  /** L_base: what one forward pass is counted in. */
  base: number;
}

/** Forward and backward. */
const trained = (length: number) => 3 * length;

/** CLIP's image tower: 3 L_q. Texts, which are never compressed, are left out. */
export function imageTowerCost({ query, base }: Omit<Lengths, 'key'>): number {
  return trained(query) / base;
}

/** Both views train the same net: 3 (L_q + L_k). */
export function simclrCost({ query, key, base }: Lengths): number {
  return (trained(query) + trained(key)) / base;
}

/** 3 L_q + L_k; the symmetric loss takes each view through both nets: twice that. */
export function mocoV3Cost({ query, key, base }: Lengths, { symmetric }: { symmetric: boolean }): number {
  return ((symmetric ? 2 : 1) * (trained(query) + key)) / base;
}

export interface DinoLengths extends Lengths {
  /** L of a local crop, of which there are so many. */
  local: number;
  localCrops: number;
}

/**
 * 3 L_q + 3 K L_small + L_k, as the paper counts one global crop for each net; the reference takes `globalCrops` 2 through both.
 */
export function dinoCost(
  { query, key, local, localCrops, base }: DinoLengths,
  { globalCrops }: { globalCrops: 1 | 2 },
): number {
  return (globalCrops * (trained(query) + key) + localCrops * trained(local)) / base;
}
