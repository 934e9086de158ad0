import { embedPatches, patchify } from '../../src/nn/patch-embed.ts';
import type { Tensor } from '../../src/torch/index.ts';

/** Images [B, 3, H, W], kernel [D, 3, p, p] -> [B, N, D]. */
export function patchEmbed(images: Tensor, kernel: Tensor, bias: Tensor | null): Tensor {
  return embedPatches(patchify(images, kernel.shape[2]), kernel, bias);
}
