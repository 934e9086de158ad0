import {
  type Dataset,
  type EvalBatches,
  type EvalOptions,
  evalBatches,
  listProblems,
} from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { imagesToDevice, tokensToDevice } from '../feed.ts';
import type { Method } from '../methods/index.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** What evaluators need of a run. */
export interface Encoder {
  method: Method;
  /** Where the method has texts. */
  tokenizer?: Tokenizer;
  device: string;
  imageSize: number;
  workers: number;
  /** Largest share of samples that may be unreadable; default that of the loader. */
  maxBadShare?: number;
}

export interface DatasetFeatures {
  /** [N, E], rows of unit length. */
  images: Tensor;
  /** [N, E], when texts were asked for. */
  texts?: Tensor;
  labels: Int32Array;
  /** Positions in the data index; samples that could not be read are missing. */
  ids: bigint[];
  skipped: number;
}

const MICRO_BATCH = 256;

/** Encodes a whole data set in index order, centre crops, no augmentation. The tensors belong to the caller. */
export async function encodeDataset(
  dataset: Dataset,
  encoder: Encoder,
  { texts }: { texts: boolean },
): Promise<DatasetFeatures> {
  const { tokenizer, imageSize, workers, maxBadShare } = encoder;
  const options: EvalOptions = {
    microBatchSize: MICRO_BATCH,
    imageSize,
    workers,
    maxBadShare,
    captions: texts,
    ...(texts && { tokenizer }),
  };
  const parts: Parts = { images: [], texts: [] };
  try {
    return await gather(evalBatches(dataset, options), encoder, parts);
  } finally {
    for (const part of [...parts.images, ...parts.texts]) part.dispose();
  }
}

/** Features of the batches so far. */
interface Parts {
  images: Tensor[];
  texts: Tensor[];
}

async function gather(
  batches: EvalBatches,
  { method, device }: Encoder,
  parts: Parts,
): Promise<DatasetFeatures> {
  const labels: number[] = [];
  const ids: bigint[] = [];
  for await (const batch of batches) {
    noGrad(() => {
      parts.images.push(scope(() => method.encodeImages(imagesToDevice(batch, device))));
      if (batch.tokens)
        parts.texts.push(scope(() => method.encodeTexts!(tokensToDevice(batch.tokens!, batch.size, device))));
    });
    labels.push(...batch.labels.subarray(0, batch.size));
    ids.push(...batch.ids.subarray(0, batch.size));
    batch.release();
  }
  if (ids.length === 0)
    throw new CoupletError(
      `None of the samples for the evaluation could be read.\n${listProblems(batches.problems)}`,
    );
  return {
    images: ops.cat(parts.images, 0),
    ...(parts.texts.length > 0 && { texts: ops.cat(parts.texts, 0) }),
    labels: Int32Array.from(labels),
    ids,
    skipped: batches.problems.count,
  };
}
