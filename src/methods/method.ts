import type { z } from 'zod';
import { type Compression, costOfPasses, type SequencePass } from '../compress/index.ts';
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
  /** One tensor a view, [B, S_v, S_v, 3], channels last: uint8, or float32 on the scale of bytes after photometric steps. */
  views: Tensor[];
  /** int32 [B, L], columns after the longest text cut off; empty when the method needs no text. */
  tokens: Tensor;
  /** int64 [B], positions in the data index. */
  ids: Tensor;
  /** Where these rows are in the global batch: what is drawn for all `total` rows and cut does not depend on ranks or parts. */
  rows: { first: number; total: number };
}

/** Named tensors [B, ...] with gradient. Gradient accumulation cuts the step here (step/accumulate.ts). */
export type Features = Record<string, Tensor>;

/** Everything that a resume needs and that no optimizer owns: live tensors, by stable names. */
export type MethodState = Map<string, Tensor>;

/** What a method's loss() gives. */
export interface MethodLoss<Next> {
  loss: Tensor;
  /** Scalars without gradient, computed when called: on steps that are logged, before the update, without recording a graph. */
  metrics: () => Record<string, Tensor>;
  /** What commit() takes over after the update. */
  next: Next;
}

/** One pretraining method: how a batch becomes a loss, and what moves after the optimizer has. */
export interface Method<Next = unknown> {
  /** All of the model's tensors by checkpoint names: what a checkpoint holds. */
  readonly model: NamedParams;
  /** The part of `model` that the optimizer moves. */
  readonly params: NamedParams;
  readonly state: MethodState;
  /** State by sample id, of which each rank holds a share: a checkpoint has it as one table. */
  readonly tables?: ReadonlyMap<string, SampleTable>;
  /** uint8 [B, S, S, 3] -> [B, E], rows of unit length, for evaluators. */
  encodeImages(images: Tensor): Tensor;
  /** int32 [B, L] -> [B, E], where the method has a text tower. */
  encodeTexts?(tokens: Tensor): Tensor;
  /** One row a sample: the part of the step that grows with the model. Pure; may run twice. */
  features(batch: Batch, context: StepContext): Features;
  /** From the features of this rank's samples: pure but for the graph it records. */
  loss(features: Features, ids: Tensor, context: StepContext): MethodLoss<Next>;
  /** Cache key of the loss's CUDA graph: everything in loss() that changes with time. Absent: the loss is never captured. */
  lossKey?(context: StepContext): string;
  /** The only other mutation: takes over what loss() computed for the next step, after the optimizer's update. */
  commit(next: Next, context: StepContext): void;
  /** Parameters, by name, whose gradient this step ignores. */
  frozen?(context: StepContext): ReadonlySet<string>;
  /** Whether weight decay applies to a parameter; open_clip's rule (optim/groups.ts) unless a method has its own. */
  decays?(name: string, tensor: Tensor): boolean;
  /** A warning for a run of so many steps, in a sentence. */
  advice?(totalSteps: number): string | undefined;
  dispose(): void;
}

/** What a method is built from. */
export interface MethodContext<Options> {
  options: Options;
  model: AnyModelSpec;
  /** Samples in the data index: ids run from 0 to datasetSize - 1. */
  datasetSize: number;
  seed: number;
  device: string;
  precision: 'float32' | 'bfloat16';
  /** Per channel, of pixels in [0, 1]. */
  pixels: { mean: readonly number[]; std: readonly number[] };
  optimizer: { peakLr: number; beta1: number; beta2: number; eps: number };
  /** Of the method's definition, for these options. */
  passes: readonly Pass[];
  /** The processes of this run; ids, features and state of other ranks come through it. */
  ranks: Ranks;
}

/** What a method's views are chosen by. */
export interface ViewContext<Options> {
  options: Options;
  /** Side in pixels of the pictures that the model takes. */
  imageSize: number;
  data: { crop: ViewRecipe['crop']; flip: boolean };
}

/** Views that go through one net together, in each step. */
export interface Pass extends SequencePass {
  /** Name of what comes out, a key of Features. Several passes may share it. */
  features: string;
  /** Positions in Batch.views, of one size. */
  views: readonly number[];
  /** Stochastic depth: rate of the last block; default 0. */
  dropPath?: number;
}

/** What a step's cost follows from. */
export interface CostContext<Options> {
  options: Options;
  model: AnyModelSpec;
  compression: Compression;
}

/** One random crop by a config's `data`. */
export function plainView({ imageSize, data }: ViewContext<unknown>): ViewRecipe[] {
  return [{ size: imageSize, crop: data.crop, flip: data.flip ? 0.5 : 0 }];
}

/** Defaults that a method brings: plain data, merged under a person's config. */
export interface MethodDefaults {
  data?: { crop?: Partial<ViewRecipe['crop']>; flip?: boolean; mean?: number[]; std?: number[] };
  optimizer?: Record<string, unknown>;
  schedule?: Record<string, unknown>;
}

/** What a method's file gives to {@link defineMethod}. */
export interface MethodParts<Schema extends z.ZodObject = z.ZodObject> {
  name: string;
  options: Schema;
  /** Besides pictures: whether texts are tokenized. Methods without texts need a ViT. */
  needs: { tokens: boolean };
  /** What is cut out of each picture, one recipe a view, in the order of Batch.views. */
  views(context: ViewContext<z.output<Schema>>): ViewRecipe[];
  /** Image sequences of a step: features and costs follow from it. */
  passes(context: Omit<ViewContext<z.output<Schema>>, 'data'>): Pass[];
  defaults?: MethodDefaults;
  create(context: MethodContext<z.output<Schema>>): Method;
}

/** A method as shared code sees it; methods/index.ts lists them. */
export interface MethodDefinition<Schema extends z.ZodObject = z.ZodObject>
  extends Omit<MethodParts<Schema>, 'create'> {
  /** What a sample of a step costs, in forward passes of one whole sequence (compress/cost.ts). */
  cost(context: CostContext<z.output<Schema>>): number;
  create(context: Omit<MethodContext<z.output<Schema>>, 'passes'>): Method;
}

/** Completes a definition: its cost follows from its passes, and its method is made with them. */
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
