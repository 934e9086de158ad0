import type { SequencePlan } from '../compress/compression.ts';
import { type GeluMlpSpec, geluMlp, Head } from '../nn/heads.ts';
import { Init } from '../nn/init.ts';
import { Module } from '../nn/module.ts';
import { unitRows } from '../nn/unit-rows.ts';
import { type DType, full, type Tensor } from '../torch/index.ts';
import type { Tower } from './depth.ts';
import { ModifiedResNet, type ResNetSpec } from './resnet.ts';
import { type TextSpec, TextTransformer } from './text.ts';
import { OPEN_CLIP_VIT, VisionTransformer, type VitSpec } from './vit.ts';

/** An image tower: a ViT unless `type` says otherwise. */
export type ImageSpec = VitSpec | ResNetSpec;

export interface ClipSpec<Image extends ImageSpec = VitSpec> {
  embedDim: number;
  image: Image;
  text: TextSpec;
}
export type AnyClipSpec = ClipSpec<ImageSpec>;

/** open_clip's `visual`. */
class ProjectedVit extends Module {
  readonly #trunk: VisionTransformer;
  readonly #projection: Tensor | null; // [D, E]

  constructor(init: Init, spec: VitSpec, embedDim: number) {
    super();
    const { width, projection = true } = spec;
    if (!projection && width !== embedDim)
      throw new RangeError(
        `embedDim ${embedDim} is not the width ${width} of an image tower without projection`,
      );
    this.#projection = projection
      ? this.parameter('proj', init.normal([width, embedDim], width ** -0.5))
      : null;
    this.#trunk = this.child('', new VisionTransformer(init, spec, OPEN_CLIP_VIT));
  }

  forward(images: Tensor, plan?: SequencePlan): Tensor {
    const features = this.#trunk.forward(images, plan);
    return this.#projection ? features.matmul(this.#projection) : features;
  }

  patchTokens(images: Tensor): Tensor {
    return this.#trunk.patchTokens(images);
  }
}

function imageTower(init: Init, image: ImageSpec, embedDim: number): ProjectedVit | ModifiedResNet {
  return image.type === 'resnet'
    ? new ModifiedResNet(init, image, embedDim)
    : new ProjectedVit(init, image, embedDim);
}

/** CLIP's two towers (Radford et al. 2021) with open_clip's checkpoint names. */
export class Clip extends Module {
  readonly spec: AnyClipSpec;
  readonly #image: ProjectedVit | ModifiedResNet;
  readonly #text: TextTransformer;
  readonly #heads: { [Key in Tower]: Head | undefined };
  /** log(1 / temperature), a scalar: `logit_scale` in checkpoints. */
  readonly logLogitScale: Tensor;

  constructor(
    spec: AnyClipSpec,
    options: { seed: number; device?: string; dtype?: DType; temperature?: number },
  ) {
    super();
    const init = new Init(options);
    this.spec = spec;
    this.logLogitScale = this.parameter(
      'logit_scale',
      full([], Math.log(1 / (options.temperature ?? 0.07)), init),
    );
    this.#image = this.child('visual.', imageTower(init, spec.image, spec.embedDim));
    this.#text = this.child('', new TextTransformer(init, spec.text, spec.embedDim));
    const head = (prefix: string, mlp: GeluMlpSpec | undefined) =>
      mlp && this.child(prefix, new Head(init, spec.embedDim, geluMlp(mlp, spec.embedDim)));
    this.#heads = { image: head('visual.head.', spec.image.head), text: head('text_head.', spec.text.head) };
  }

  /** Normalised pixels [B, 3, S, S] -> [B, E], before head and unit sphere. */
  imageOutput(images: Tensor, plan?: SequencePlan): Tensor {
    const image = this.#image;
    return image instanceof ModifiedResNet ? image.forward(images) : image.forward(images, plan);
  }

  /** Tokens [B, L] -> [B, E], before head and unit sphere. */
  textOutput(tokens: Tensor): Tensor {
    return this.#text.forward(tokens);
  }

  /** An output [B, E] of a tower -> float32 [B, E], rows of unit length. */
  features(tower: Tower, output: Tensor): Tensor {
    const head = this.#heads[tower];
    return unitRows(head ? head.forward(output.to(this.logLogitScale.dtype)) : output);
  }

  /** Normalised pixels [B, 3, S, S] -> float32 [B, E], rows of unit length. */
  encodeImage(images: Tensor, plan?: SequencePlan): Tensor {
    return this.features('image', this.imageOutput(images, plan));
  }

  /** Normalised pixels [B, 3, S, S] -> float32 [B, N, D], the ViT's patch tokens. Throws a TypeError for a ResNet. */
  encodePatches(images: Tensor): Tensor {
    const image = this.#image;
    if (image instanceof ModifiedResNet) throw new TypeError('a ResNet has no patch tokens');
    return image.patchTokens(images).to('float32');
  }

  /** Tokens [B, L] -> float32 [B, E], rows of unit length. */
  encodeText(tokens: Tensor): Tensor {
    return this.features('text', this.textOutput(tokens));
  }
}
