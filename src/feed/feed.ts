// The feed interface, and what both feeds share. B samples of this rank, S side of a view.
import type { Dataset, Problems } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { type Batch, findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import type { Ranks } from '../ranks/index.ts';
import { zeros } from '../torch/index.ts';
import type { ViewRecipe } from '../views/index.ts';
import type { HeldFeatures } from './held-features.ts';

/** An endless stream of training batches. */
export interface Feed {
  next(): Promise<PendingBatch>;
  /** Samples that could not be read so far, also by earlier processes of the run. */
  readonly problems: Problems;
  close(): Promise<void>;
}

/** A batch that is not on the device yet. */
export interface PendingBatch {
  /** Uploads it. Its tensors belong to the open scope. */
  toDevice(): Batch;
  /** Lets later batches use its memory. Call it after the step. */
  release(): void;
}

export interface FeedConfig {
  seed: number;
  method: { name: string };
  batch: { globalBatchSize: number };
  data: {
    crop: ViewRecipe['crop'];
    flip: boolean;
    hold: 'none' | 'device' | 'features';
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
  /** Threads that decode pictures. */
  workers: number;
  tokenizer?: Tokenizer;
  startStep: number;
  /** By earlier processes of the run. */
  skipped?: Problems;
  /** Pictures decoded so far for the device to hold, and all of them. */
  onHold?: (done: number, total: number) => void;
  onWarning?: (message: string) => void;
  /** Encodes all samples by the frozen tower, with `data.hold` 'features'. */
  holdFeatures?: () => Promise<HeldFeatures>;
}

export function viewsOf({ config, model }: Pick<FeedContext, 'config' | 'model'>): ViewRecipe[] {
  const { crop, flip } = config.data;
  return findMethod(config.method.name).views({
    options: config.method,
    imageSize: model.image.imageSize,
    data: { crop, flip },
  });
}

/** The samples of one rank in a step. */
export interface StepSamples {
  /** Their rows in the global batch. */
  rows: Batch['rows'];
  /** B */
  count: number;
  /** The first one's position in the endless stream of samples. */
  position: number;
}

export function samplesOfStep(
  { config, ranks }: Pick<FeedContext, 'config' | 'ranks'>,
  step: number,
): StepSamples {
  const { globalBatchSize } = config.batch;
  const count = globalBatchSize / ranks.worldSize;
  const rows = { first: ranks.rank * count, total: globalBatchSize };
  return { rows, count, position: step * globalBatchSize + rows.first };
}

/** [B, 0]: the tokens of a method without texts. */
export const noTokens = (rows: number, device: string) => zeros([rows, 0], { dtype: 'int32', device });
