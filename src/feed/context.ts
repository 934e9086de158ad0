// What feeds are made from, and what they share. B samples of this rank.
import type { Dataset, Problems } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { type Batch, findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import type { Ranks } from '../ranks/index.ts';
import { type Tensor, zeros } from '../torch/index.ts';
import { applyToViews, drawPhotometric, type ViewRecipe } from '../views/index.ts';

/** An endless stream of training batches. */
export interface Feed {
  next(): Promise<Served>;
  /** Samples that could not be read so far, by earlier processes of the run too. */
  readonly problems: Problems;
  close(): Promise<void>;
}

/** One batch, on its way. */
export interface Served {
  /** Puts it on the device, into the open scope. */
  onDevice(): Batch;
  /** Lets the next batches use its memory: after the step. */
  release(): void;
}

/** The parts of a run's config that feeds read. */
export interface FeedConfig {
  seed: number;
  method: { name: string };
  batch: { globalBatchSize: number };
  data: {
    crop: ViewRecipe['crop'];
    flip: boolean;
    hold: 'none' | 'device';
    cache?: string | undefined;
    prefetchBatches: number;
    maxBadShare: number;
  };
}

export interface FeedContext {
  config: FeedConfig;
  dataset: Dataset;
  model: AnyModelSpec;
  device: string;
  ranks: Pick<Ranks, 'rank' | 'worldSize'>;
  /** Threads that decode. */
  workers: number;
  tokenizer?: Tokenizer;
  startStep: number;
  /** Samples that could not be read before this step, by an earlier process. */
  skipped?: Problems;
  /** Pictures that are decoded to be held, so far and in all. */
  onHold?: (done: number, total: number) => void;
  onWarning?: (message: string) => void;
}

/** The views that a config's method asks for, in order. */
export function viewsOf({ config, model }: Pick<FeedContext, 'config' | 'model'>): ViewRecipe[] {
  const { crop, flip } = config.data;
  return findMethod(config.method.name).views({
    options: config.method,
    imageSize: model.image.imageSize,
    data: { crop, flip },
  });
}

/** Where a step's samples of one rank are. */
export interface StepPlace {
  /** In the global batch. */
  rows: Batch['rows'];
  /** B */
  count: number;
  /** In the stream: that of the first, and of all. */
  position: number;
  positions: number[];
}

export function placeOf({ config, ranks }: Pick<FeedContext, 'config' | 'ranks'>, step: number): StepPlace {
  const { globalBatchSize } = config.batch;
  const count = globalBatchSize / ranks.worldSize;
  const rows = { first: ranks.rank * count, total: globalBatchSize };
  const position = step * globalBatchSize + rows.first;
  return { rows, count, position, positions: Array.from({ length: count }, (_, i) => position + i) };
}

/** The photometric steps of each view. @param cropped uint8 [B, S, S, 3] for each recipe */
export function withColours(
  cropped: readonly Tensor[],
  recipes: readonly ViewRecipe[],
  draw: { seed: number; positions: readonly number[] },
): Tensor[] {
  return applyToViews(cropped, recipes, (view) => drawPhotometric(recipes[view], { ...draw, view }));
}

/** The tokens of a method without texts. */
export const noTokens = (rows: number, device: string) => zeros([rows, 0], { dtype: 'int32', device });
