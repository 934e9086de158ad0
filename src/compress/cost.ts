import { type Compression, sequenceLength } from './compression.ts';

/** How views go through a net in one step. */
export interface SequencePass {
  views: { readonly length: number };
  /** true: forward and backward; false: forward. */
  trained: boolean;
  dropTokens: boolean;
  scalePatches: boolean;
  /** Side of these views in pixels; default the model's. */
  imageSize?: number;
}

export interface CostOptions {
  /** Of the model; a net without patches has no sequence. */
  image: { imageSize: number; patchSize?: number };
  compression: Compression;
}

/**
 * Cost of a sample in a step, in forwards of a whole sequence (FastCL 1.6; Lin et al. 2024, table 1). A forward pass costs its
 * tokens, a backward pass twice that. Heads, texts, optimizer and loader do not count.
 * @equation FastCL 1.6: cost of a sample: MoCo v3 (3 L_q + L_k) / L_0, twice when symmetric; SimCLR 3 (L_q + L_k) / L_0; CLIP 3 L_q / L_0
 * @equation FastCL 1.6: DINO (2 (3 L_q + L_k) + 3 K L_local) / L_0, as in the released code
 */
export function costOfPasses(
  passes: readonly SequencePass[],
  { image: { imageSize: wholeSize, patchSize: ownPatchSize }, compression }: CostOptions,
): number {
  const lengthOf = ({ imageSize = wholeSize, dropTokens, scalePatches }: SequencePass): number => {
    if (ownPatchSize === undefined) return 1;
    const patchSize = scalePatches ? compression.patchSize : ownPatchSize;
    return sequenceLength(imageSize, { tokenDropout: dropTokens ? compression.tokenDropout : 0, patchSize });
  };
  const whole = ownPatchSize === undefined ? 1 : sequenceLength(wholeSize, { patchSize: ownPatchSize });
  const tokens = passes.map((pass) => (pass.trained ? 3 : 1) * pass.views.length * lengthOf(pass));
  return tokens.reduce((sum, count) => sum + count, 0) / whole;
}
