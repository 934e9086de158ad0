// A folder of weights as a model again, by the same reading as `model.from`.
import { Clip } from '../models/clip.ts';
import { hasTexts } from '../models/registry.ts';
import { OPEN_CLIP_VIT, TIMM_VIT, VisionTransformer, type VitSpec } from '../models/vit.ts';
import { Init } from '../nn/init.ts';
import { unitRows } from '../nn/unit-rows.ts';
import type { Tensor } from '../torch/index.ts';
import { findWeights, loadWeights } from '../weights/index.ts';

export interface Reloaded {
  /** Normalised pixels [B, 3, S, S] -> [B, E], rows of unit length. */
  images(pixels: Tensor): Tensor;
  /** Ids [B, L] -> [B, E], rows of unit length. */
  texts?(ids: Tensor): Tensor;
  dispose(): void;
}

/** Throws a CoupletError for a folder whose tensors are not all accounted for. */
export async function reload(folder: string): Promise<Reloaded> {
  const found = findWeights(folder);
  const { model } = found;
  if (hasTexts(model)) {
    const clip = new Clip(model, { seed: 0 });
    const ours = { prefix: 'visual.', style: OPEN_CLIP_VIT };
    await loadWeights(found, { tensors: clip.namedTensors(), model, ours, part: 'all' });
    return {
      images: (pixels) => clip.encodeImage(pixels),
      texts: (ids) => clip.encodeText(ids),
      dispose: () => clip.dispose(),
    };
  }
  const vit = new VisionTransformer(new Init({ seed: 0 }), model.image as VitSpec, TIMM_VIT);
  const ours = { prefix: 'backbone.', style: TIMM_VIT };
  const tensors = new Map([...vit.namedTensors()].map(([name, tensor]) => [`backbone.${name}`, tensor]));
  await loadWeights(found, { tensors, model, ours, part: 'all' });
  return { images: (pixels) => unitRows(vit.forward(pixels)), dispose: () => vit.dispose() };
}
