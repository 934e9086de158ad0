import { CoupletError } from '../../errors.ts';
import type { AnyModelSpec } from '../../models/registry.ts';
import { VisionTransformer, type VitSpec, type VitStyle } from '../../models/vit.ts';
import type { Init } from '../../nn/init.ts';
import { Module, type NamedParams } from '../../nn/module.ts';

/** The image tower of a model. Throws a CoupletError for a ResNet. */
export function vitOf({ image }: AnyModelSpec, method: string): VitSpec {
  if (image.type === 'resnet')
    throw new CoupletError(
      `method ${method} needs a ViT as model.image, got a ResNet: give model a name such as ViT-S-16, or image: { imageSize, patchSize, width, layers }.`,
    );
  return image;
}

export interface NetParts<Head extends Module> {
  style: VitStyle;
  /** In checkpoints, with separator. */
  headPrefix: string;
  /** @param width of the ViT's features */
  makeHead(init: Init, width: number): Head;
}

export class Net<Head extends Module> extends Module {
  readonly backbone: VisionTransformer;
  readonly head: Head;

  constructor(init: Init, spec: VitSpec, { style, headPrefix, makeHead }: NetParts<Head>) {
    super();
    this.backbone = this.child('backbone.', new VisionTransformer(init, spec, style));
    this.head = this.child(headPrefix, makeHead(init, spec.width));
  }
}

/** Parameters with gradient. */
export function learnedParameters(module: Module): NamedParams {
  return new Map([...module.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad));
}
