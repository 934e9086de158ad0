import type { Tensor } from '../torch/index.ts';

/** How the image sequences of a step are shortened: what a schedule gives, plain data. */
export interface Compression {
  /** d: the share of patch tokens that is dropped, in [0, 1). */
  tokenDropout: number;
  /** q: the side of a patch in pixels. */
  patchSize: number;
}

/** What one forward pass of a ViT does to its sequence; without one it is whole. */
export interface SequencePlan {
  /** Side of the patches; the model's own by default. */
  patchSize?: number;
  /** int64 [B, K]: indices of the patches that stay, per sample. */
  keep?: Tensor;
}
