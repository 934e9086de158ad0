// What self-supervised methods share: a ViT with a head behind it, and views on their way through it. B samples, V views, D width.
import { type SequencePlan, sequencePlan } from '../../compress/index.ts';
import { CoupletError } from '../../errors.ts';
import type { AnyModelSpec } from '../../models/registry.ts';
import { VisionTransformer, type VitSpec, type VitStyle } from '../../models/vit.ts';
import type { Init } from '../../nn/init.ts';
import { Module, type NamedParams } from '../../nn/module.ts';
import { PixelNormalizer } from '../../nn/pixels.ts';
import { unitRows } from '../../nn/unit-rows.ts';
import type { StepContext } from '../../time/clock.ts';
import { autocast, type DType, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import type { Batch, MethodContext } from '../method.ts';

/** The image tower of a model. Throws a CoupletError when it is no ViT: short sequences and the recipes are those of ViTs. */
export function vitOf({ image }: AnyModelSpec, method: string): VitSpec {
  if (image.type === 'resnet')
    throw new CoupletError(
      `method ${method} needs a ViT as model.image, got a ResNet: give model a name such as ViT-S-16, or image: { imageSize, patchSize, width, layers }.`,
    );
  return image;
}

/** A ViT, `backbone.`, and what a method has behind it. */
export class BackboneWithHead<Head extends Module> extends Module {
  readonly backbone: VisionTransformer;
  readonly head: Head;

  constructor(
    init: Init,
    parts: { spec: VitSpec; style: VitStyle; head: { prefix: string; make(init: Init): Head } },
  ) {
    super();
    this.backbone = this.child('backbone.', new VisionTransformer(init, parts.spec, parts.style));
    this.head = this.child(parts.head.prefix, parts.head.make(init));
  }
}

/** Parameters that learn: fixed positions, frozen projections and moving copies are left out. */
export function learnedParameters(module: Module): NamedParams {
  return new Map([...module.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad));
}

/** Which views of a batch go through a ViT together, and what becomes of their sequences (Lin et al. 2024; docs/equations.md). */
export interface ViewPass {
  /** Positions in Batch.views, of one size. */
  views: readonly number[];
  dropTokens: boolean;
  scalePatches: boolean;
  /** Stochastic depth; 0 by default. */
  dropPath?: number;
}

/** Takes views through a ViT: bytes in, features out, the products in the run's precision. */
export class ViewEncoder {
  /** float64 is for tests alone. */
  readonly dtype: DType;
  readonly #pixels: PixelNormalizer;
  readonly #mode: { device: string; dtype: DType };
  readonly #seed: number;

  constructor({ device, precision, pixels, seed }: Omit<MethodContext<unknown>, 'options' | 'model'>) {
    const dtype = precision as DType;
    this.dtype = dtype === 'float64' ? dtype : 'float32';
    this.#pixels = new PixelNormalizer(pixels, device);
    this.#mode = { device, dtype };
    this.#seed = seed;
  }

  /** Runs a net in the run's precision. */
  run<T>(body: () => T): T {
    return autocast(this.#mode, body);
  }

  /** The features of some views of a batch, in one pass: [B, V, D], in float32. */
  features(
    vit: VisionTransformer,
    batch: Batch,
    { views, clock, ...pass }: ViewPass & { clock: StepContext },
  ): Tensor {
    const images = views.map((view) => batch.views[view]);
    const [count, imageSize] = images[0].shape;
    const { patchSize, layers } = vit.spec;
    const plans = views.map((view) =>
      sequencePlan({
        ...pass,
        dropPath: { rate: pass.dropPath ?? 0, layers },
        seed: this.#seed,
        step: clock.step,
        view,
        rows: batch.rows,
        count,
        device: images[0].device,
        compression: clock.compression,
        imageSize,
        patchSize,
      }),
    );
    const features = this.#through(vit, images.length > 1 ? ops.cat(images, 0) : images[0], joined(plans));
    return features.view(views.length, count, features.shape[1]).transpose(0, 1);
  }

  /** [B, S, S, 3] -> [B, D], rows of unit length, the whole sequence: for evaluators. */
  encode(vit: VisionTransformer, images: Tensor): Tensor {
    return unitRows(this.#through(vit, images));
  }

  #through(vit: VisionTransformer, images: Tensor, plan?: SequencePlan): Tensor {
    const pixels = this.#pixels.forward(images).to(this.dtype);
    return this.run(() => vit.forward(pixels, plan)).to(this.dtype);
  }

  dispose(): void {
    this.#pixels.dispose();
  }
}

/** One plan for the views of several, one behind the other. */
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
