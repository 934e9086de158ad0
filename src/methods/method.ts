import type { z } from 'zod';
import { type Compression, costOfPasses, type SequencePass } from '../compress/index.ts';
import type { Tower } from '../models/depth.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import type { NamedParams } from '../nn/module.ts';
import type { Ranks } from '../ranks/index.ts';
import type { StepContext } from '../time/clock.ts';
import type { Tensor } from '../torch/index.ts';
import type { ViewRecipe } from '../views/recipe.ts';
import type { SampleTable } from './fastclip/sample-table.ts';
import { vitOf } from './shared/backbone.ts';

/** One batch of this rank on the device. */
export interface Batch {
  /** [B, S_v, S_v, 3] for each view: uint8, or float32 on the scale of bytes after photometric steps. */
  views: Tensor[];
  /** int32 [B, L], cut after the longest text; empty when the method needs no text. */
  tokens: Tensor;
  /** int64 [B], positions in the data index. */
  ids: Tensor;
  /** These rows' place in the global batch. Draws for all `total` rows make results independent of ranks and parts. */
  rows: { first: number; total: number };
  /** What frozen towers gave for these samples, [B, E]: in place of views or of tokens. */
  held?: { [Key in Tower]?: Tensor };
}

type HeldOutputs = NonNullable<Batch['held']>;

/** A function of each held output. */
export function mapHeld<Result>(
  { image, text }: HeldOutputs,
  map: (output: Tensor, tower: Tower) => Result,
): { [Key in Tower]?: Result } {
  return { ...(image && { image: map(image, 'image') }), ...(text && { text: map(text, 'text') }) };
}

/** Named tensors [B, ...] with gradient. Gradient accumulation cuts the step here. */
export type Features = Record<string, Tensor>;

/** Live tensors by stable names that a resume needs and no optimizer owns. */
export type MethodState = Map<string, Tensor>;

export interface MethodLoss<Next> {
  loss: Tensor;
  /** Scalars without gradient, called before the update on steps that are logged. */
  metrics: () => Record<string, Tensor>;
  /** Input of commit() after the update. */
  next: Next;
}

/** A pretraining method: how a batch becomes a loss, and what changes after the optimizer's update. */
export interface Method<Next = unknown> {
  /** All tensors by checkpoint name. */
  readonly model: NamedParams;
  /** The part of `model` that the optimizer moves. */
  readonly params: NamedParams;
  readonly state: MethodState;
  /** State by sample id, shared out over ranks, whole in a checkpoint. */
  readonly tables?: ReadonlyMap<string, SampleTable>;
  /** uint8 [B, S, S, 3] -> [B, E], rows of unit length. */
  encodeImages(images: Tensor): Tensor;
  /** uint8 [B, S, S, 3] -> [B, N, D]: the patch tokens after the last norm. Absent without a ViT. */
  encodePatches?(images: Tensor): Tensor;
  /** int32 [B, L] -> [B, E], rows of unit length. */
  encodeTexts?(tokens: Tensor): Tensor;
  /** Outputs [B, E] of the towers before head and unit sphere, which `Batch.held` can give back. Of methods on two towers. */
  readonly towers?: { image(images: Tensor): Tensor; text(tokens: Tensor): Tensor };
  /** One row a sample. Pure; may run twice. */
  features(batch: Batch, context: StepContext): Features;
  /** The loss of this rank's samples. Pure. */
  loss(features: Features, ids: Tensor, context: StepContext): MethodLoss<Next>;
  /** Cache key of the loss's CUDA graph: everything in loss() that changes with time. Absent: the loss is never captured. */
  lossKey?(context: StepContext): string;
  /** After the optimizer's update, stores what loss() computed. The only method that changes state. */
  commit(next: Next, context: StepContext): void;
  /** Parameters of these names get no gradient, and leave `params`. In copies of nets they stay too. */
  freeze(names: ReadonlySet<string>): void;
  /** Names of parameters that this step does not update. */
  frozen?(context: StepContext): ReadonlySet<string>;
  /** Whether weight decay applies to a parameter. Default: open_clip's rule (optim/groups.ts). */
  decays?(name: string, tensor: Tensor): boolean;
  /** A warning, in one sentence. */
  advice?(totalSteps: number): string | undefined;
  dispose(): void;
}

export interface MethodContext<Options> {
  options: Options;
  model: AnyModelSpec;
  /** Ids run from 0 to datasetSize - 1. */
  datasetSize: number;
  seed: number;
  device: string;
  precision: 'float32' | 'bfloat16';
  /** By channel, of pixels in [0, 1]. */
  pixels: { mean: readonly number[]; std: readonly number[] };
  optimizer: { peakLr: number; beta1: number; beta2: number; eps: number };
  passes: readonly Pass[];
  ranks: Ranks;
}

export interface ViewContext<Options> {
  options: Options;
  /** Side of the model's pictures, in pixels. */
  imageSize: number;
  data: { crop: ViewRecipe['crop']; flip: boolean };
}

/** Views that go through one net together. */
export interface Pass extends SequencePass {
  /** A key of Features. Several passes may share it. */
  features: string;
  /** Indices in Batch.views, of equal size. */
  views: readonly number[];
  /** Rate of stochastic depth in the last block; default 0. */
  dropPath?: number;
}

export interface CostContext<Options> {
  options: Options;
  model: AnyModelSpec;
  compression: Compression;
}

/** One random crop. */
export function plainView({ imageSize, data }: ViewContext<unknown>): ViewRecipe[] {
  return [{ size: imageSize, crop: data.crop, flip: data.flip ? 0.5 : 0 }];
}

/** A method's defaults, which a config overrides. */
export interface MethodDefaults {
  data?: { crop?: Partial<ViewRecipe['crop']>; flip?: boolean; mean?: number[]; std?: number[] };
  optimizer?: Record<string, unknown>;
  schedule?: Record<string, unknown>;
}

export interface MethodParts<Schema extends z.ZodObject = z.ZodObject> {
  name: string;
  options: Schema;
  /** Whether it needs texts. Methods without texts need a ViT. */
  needs: { tokens: boolean };
  /** The net that encodes, where it is a moving average already: such as 'teacher'. */
  averages?: string;
  /** One recipe a view, in the order of Batch.views. */
  views(context: ViewContext<z.output<Schema>>): ViewRecipe[];
  /** Features and costs follow from the passes. */
  passes(context: Omit<ViewContext<z.output<Schema>>, 'data'>): Pass[];
  defaults?: MethodDefaults;
  create(context: MethodContext<z.output<Schema>>): Method;
}

/** A method that methods/index.ts lists. */
export interface MethodDefinition<Schema extends z.ZodObject = z.ZodObject>
  extends Omit<MethodParts<Schema>, 'create'> {
  /** Cost of a sample, in forward passes of one whole sequence (compress/cost.ts). */
  cost(context: CostContext<z.output<Schema>>): number;
  create(context: Omit<MethodContext<z.output<Schema>>, 'passes'>): Method;
}

/** Derives a method's cost from its passes. */
export function defineMethod<Schema extends z.ZodObject>(
  parts: MethodParts<Schema>,
): MethodDefinition<Schema> {
  const passesOf = (options: z.output<Schema>, { image }: AnyModelSpec) =>
    parts.passes({ options, imageSize: image.imageSize });
  return {
    ...parts,
    cost({ options, model, compression }) {
      const image = parts.needs.tokens ? model.image : vitOf(model, parts.name);
      return costOfPasses(passesOf(options, model), { image, compression });
    },
    create: (context) => parts.create({ ...context, passes: passesOf(context.options, context.model) }),
  };
}
