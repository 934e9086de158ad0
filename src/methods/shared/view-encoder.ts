// B samples, V views, S side of a view, D width.
import { type SequencePlan, sequencePlan } from '../../compress/index.ts';
import type { VisionTransformer } from '../../models/vit.ts';
import { PixelNormalizer } from '../../nn/pixels.ts';
import { unitRows } from '../../nn/unit-rows.ts';
import type { StepContext } from '../../time/clock.ts';
import { autocast, type DType, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import type { Batch, MethodContext, Pass } from '../method.ts';

/** Turns bytes of views into a ViT's features. */
export class ViewEncoder {
  /** Of parameters, features and losses; float64 only in tests. */
  readonly dtype: DType;
  readonly #pixels: PixelNormalizer;
  readonly #mode: { device: string; dtype: DType };
  readonly #seed: number;

  constructor({
    device,
    precision,
    pixels,
    seed,
  }: Pick<MethodContext<unknown>, 'device' | 'precision' | 'pixels' | 'seed'>) {
    const dtype = precision as DType;
    this.dtype = dtype === 'float64' ? dtype : 'float32';
    this.#pixels = new PixelNormalizer(pixels, device);
    this.#mode = { device, dtype };
    this.#seed = seed;
  }

  /** Runs `body` in the run's precision. */
  run<T>(body: () => T): T {
    return autocast(this.#mode, body);
  }

  /** Compressed features of a pass's views: [B, V, D]. */
  features(vit: VisionTransformer, batch: Batch, { pass, context }: { pass: Pass; context: StepContext }) {
    const images = pass.views.map((view) => batch.views[view]);
    const [count, imageSize] = images[0].shape;
    const { patchSize, layers } = vit.spec;
    const { dropTokens, scalePatches, dropPath: rate = 0 } = pass;
    const plans = pass.views.map((view) =>
      sequencePlan({
        dropTokens,
        scalePatches,
        dropPath: { rate, layers },
        seed: this.#seed,
        step: context.step,
        view,
        rows: batch.rows,
        count,
        device: images[0].device,
        compression: context.compression,
        imageSize,
        patchSize,
      }),
    );
    const features = this.#through(vit, images.length > 1 ? ops.cat(images, 0) : images[0], joined(plans));
    return features.view(images.length, count, features.shape[1]).transpose(0, 1);
  }

  /** [B, S, S, 3] -> [B, D], rows of unit length, of whole sequences. */
  encode(vit: VisionTransformer, images: Tensor): Tensor {
    return unitRows(this.#through(vit, images));
  }

  /** [B, S, S, 3] -> [B, N, D]: the patch tokens after the last norm. */
  encodePatches(vit: VisionTransformer, images: Tensor): Tensor {
    const pixels = this.#pixelsOf(images);
    return this.run(() => vit.patchTokens(pixels)).to(this.dtype);
  }

  #through(vit: VisionTransformer, images: Tensor, plan?: SequencePlan): Tensor {
    const pixels = this.#pixelsOf(images);
    return this.run(() => vit.forward(pixels, plan)).to(this.dtype);
  }

  #pixelsOf(images: Tensor): Tensor {
    return this.#pixels.forward(images).to(this.dtype);
  }

  dispose(): void {
    this.#pixels.dispose();
  }
}

/** One plan for concatenated views. */
function joined(plans: readonly SequencePlan[]): SequencePlan {
  const [{ patchSize, keep, pathScales }] = plans;
  if (plans.length === 1) return plans[0];
  const all = (name: 'keep' | 'pathScales') => plans.map((plan) => plan[name]!);
  return {
    ...(patchSize !== undefined && { patchSize }),
    ...(keep && { keep: ops.cat(all('keep'), 0) }),
    ...(pathScales && { pathScales: ops.cat(all('pathScales'), 2) }),
  };
}
