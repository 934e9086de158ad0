import { type Compression, sequenceLength } from './compression.ts';

/** How views go through a net in one step. */
export interface SequencePass {
  /** How many views of each sample. */
  views: { readonly length: number };
  /** Forward and backward, or forward alone. */
  trained: boolean;
  /** Whether the step's compression drops patch tokens. */
  dropTokens: boolean;
  /** Whether the step's compression enlarges patches. */
  scalePatches: boolean;
  /** Side of these views in pixels; default the model's. */
  imageSize?: number;
}

export interface CostOptions {
  /** The model's own sizes. A net without patches has no sequence to shorten. */
  image: { imageSize: number; patchSize?: number };
  compression: Compression;
}

/**
 * Cost of one sample in a training step, in forward passes of the model's whole sequence (Lin et al. 2024, table 1;
 * docs/papers/fastcl.md, section 1.6). A forward pass costs as much as it has tokens, a backward pass twice that.
 * Heads, texts, optimizer and loader do not count.
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
