import { CoupletError } from '../../errors.ts';
import type { AnyModelSpec } from '../../models/registry.ts';
import { VisionTransformer, type VitSpec, type VitStyle } from '../../models/vit.ts';
import type { Init } from '../../nn/init.ts';
import { Module, type NamedParams } from '../../nn/module.ts';

/** The image tower of a model. Throws a CoupletError for a ResNet: sequences and recipes of these methods are those of ViTs. */
export function vitOf({ image }: AnyModelSpec, method: string): VitSpec {
  if (image.type === 'resnet')
    throw new CoupletError(
      `method ${method} needs a ViT as model.image, got a ResNet: give model a name such as ViT-S-16, or image: { imageSize, patchSize, width, layers }.`,
    );
  return image;
}

/** How a net is made: a ViT and the head behind it. */
export interface NetParts<Head extends Module> {
  style: VitStyle;
  /** Of the head's names in checkpoints, separator included. */
  headPrefix: string;
  /** @param width of the ViT's features */
  makeHead(init: Init, width: number): Head;
}

/** A ViT, `backbone.`, and a head. */
export class Net<Head extends Module> extends Module {
  readonly backbone: VisionTransformer;
  readonly head: Head;

  constructor(init: Init, spec: VitSpec, { style, headPrefix, makeHead }: NetParts<Head>) {
    super();
    this.backbone = this.child('backbone.', new VisionTransformer(init, spec, style));
    this.head = this.child(headPrefix, makeHead(init, spec.width));
  }
}

/** Without fixed positions, frozen projections and followers. */
export function learnedParameters(module: Module): NamedParams {
  return new Map([...module.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad));
}
