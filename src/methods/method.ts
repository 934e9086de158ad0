import type { z } from 'zod';
import type { Ranks } from '../dist/index.ts';
import type { AnyClipSpec } from '../models/clip.ts';
import type { NamedParams } from '../nn/module.ts';
import type { Clock } from '../schedules.ts';
import type { Tensor } from '../torch/index.ts';
import type { SampleTable } from './sample-table.ts';

/** One batch of this rank on the device. */
export interface Batch {
  /** uint8 [views * B, S, S, 3], channels last; view-major. */
  images: Tensor;
  /** int32 [B, L], columns after the longest text cut off; empty when the method needs no text. */
  tokens: Tensor;
  /** int64 [B], positions in the data index. */
  ids: Tensor;
}

/** Named tensors [B, ...] with gradient. Gradient accumulation cuts the step here (train-step.ts). */
export type Features = Record<string, Tensor>;

/** Everything that a resume needs and that no optimizer owns: live tensors, by stable names. */
export type MethodState = Map<string, Tensor>;

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
  /** What the loss is made of, by name, one row a sample: the part of the step that grows with the model. */
  features(batch: Batch): Features;
  /** From the features of this rank's samples: pure but for the graph it records. Metrics are scalars without gradient. */
  loss(
    features: Features,
    ids: Tensor,
    clock: Clock,
  ): { loss: Tensor; metrics: Record<string, Tensor>; next: Next };
  /** The only other mutation: takes over what loss() computed for the next step, after the optimizer's update. */
  commit(next: Next, clock: Clock): void;
  dispose(): void;
}

/** What a method is built from. */
export interface MethodContext<Options> {
  options: Options;
  model: AnyClipSpec;
  /** Samples in the data index: ids run from 0 to datasetSize - 1. */
  datasetSize: number;
  seed: number;
  device: string;
  precision: 'float32' | 'bfloat16';
  /** Per channel, of pixels in [0, 1]. */
  pixels: { mean: readonly number[]; std: readonly number[] };
  optimizer: { peakLr: number; beta1: number; beta2: number; eps: number };
  /** The processes of this run; ids, features and state of other ranks come through it. */
  ranks: Ranks;
}

/** A method's file exports one of these; methods/index.ts lists them. */
export interface MethodDefinition<Schema extends z.ZodObject = z.ZodObject> {
  name: string;
  options: Schema;
  /** What shared code must bring: views of each image, and whether texts are tokenized. */
  needs: { views: number; tokens: boolean };
  create(context: MethodContext<z.output<Schema>>): Method;
}

/** Types a definition by its own schema. */
export function defineMethod<Schema extends z.ZodObject>(
  definition: MethodDefinition<Schema>,
): MethodDefinition<Schema> {
  return definition;
}
