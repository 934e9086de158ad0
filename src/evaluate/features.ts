import { type Dataset, type EvalOptions, evalBatches } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { imagesToDevice, tokensToDevice } from '../feed.ts';
import type { Method } from '../methods/index.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** What evaluators need of a run. */
export interface Encoder {
  method: Method;
  tokenizer: Tokenizer;
  device: string;
  imageSize: number;
  workers: number;
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
  const { method, tokenizer, device, imageSize, workers } = encoder;
  const options: EvalOptions = {
    microBatchSize: MICRO_BATCH,
    imageSize,
    workers,
    captions: texts,
    ...(texts && { tokenizer }),
  };
  const batches = evalBatches(dataset, options);
  const images: Tensor[] = [];
  const captions: Tensor[] = [];
  const labels: number[] = [];
  const ids: bigint[] = [];
  for await (const batch of batches) {
    noGrad(() => {
      images.push(scope(() => method.encodeImages(imagesToDevice(batch, device))));
      if (texts && batch.tokens)
        captions.push(scope(() => method.encodeTexts!(tokensToDevice(batch.tokens!, batch.size, device))));
    });
    labels.push(...batch.labels.subarray(0, batch.size));
    ids.push(...batch.ids.subarray(0, batch.size));
    batch.release();
  }
  return {
    images: joined(images),
    ...(texts && { texts: joined(captions) }),
    labels: Int32Array.from(labels),
    ids,
    skipped: batches.problems.count,
  };
}

function joined(parts: Tensor[]): Tensor {
  const all = ops.cat(parts, 0);
  for (const part of parts) part.dispose();
  return all;
}
