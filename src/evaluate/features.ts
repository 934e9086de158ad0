// N samples, B samples of a batch, E embedding.
import {
  type Dataset,
  type EvalBatches,
  type EvalOptions,
  evalBatches,
  type HostBatch,
  listProblems,
} from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { imagesToDevice, tokensToDevice } from '../feed/upload.ts';
import type { Method } from '../methods/index.ts';
import { noGrad, scope, type Tensor, tensor, zeros } from '../torch/index.ts';
import type { LabelledRows } from './neighbours.ts';

/** What evaluators need of a run. */
export interface Encoder {
  method: Method;
  /** Where the method has texts. */
  tokenizer?: Tokenizer;
  device: string;
  imageSize: number;
  workers: number;
  /** Folder in which decoded small pictures are kept for the next process. */
  cacheFolder?: string;
  /** Largest share of samples that may be unreadable; default that of the loader. */
  maxBadShare?: number;
  /** After each batch that is encoded: other ranks wait for this one. */
  onBatch?: () => void;
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

/**
 * Pictures that are encoded at a time, by their side: a scope holds what all layers of a tower made of them, 32 GB for 256
 * pictures of 224 pixels and a ViT-B/16 in float32.
 */
function microBatchSize(imageSize: number): number {
  return Math.max(16, Math.min(256, Math.floor(2 ** 21 / imageSize ** 2)));
}

/** Batches that are decoded while the device encodes. */
const AHEAD = 4;

/** Encodes a whole data set in index order, centre crops, no augmentation. The tensors belong to the caller. */
export async function encodeDataset(
  dataset: Dataset,
  encoder: Encoder,
  { texts }: { texts: boolean },
): Promise<DatasetFeatures> {
  const { tokenizer, imageSize, workers, maxBadShare, cacheFolder } = encoder;
  const options: EvalOptions = {
    microBatchSize: microBatchSize(imageSize),
    imageSize,
    workers,
    maxBadShare,
    captions: texts,
    prefetchBatches: AHEAD,
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...(texts && { tokenizer }),
  };
  const tables = { images: new Rows(dataset.size), texts: new Rows(dataset.size) };
  try {
    return await gather(evalBatches(dataset, options), encoder, tables);
  } catch (error) {
    for (const table of Object.values(tables)) table.dispose();
    throw error;
  }
}

/** Rows of a table that is made once, so that features are held once, and a batch's are freed when it is done. */
class Rows {
  readonly #capacity: number;
  #table: Tensor | undefined;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get any(): boolean {
    return this.#table !== undefined;
  }

  /** Takes what `encode` returns, [B, E]. */
  add(encode: () => Tensor): void {
    noGrad(() =>
      scope(() => {
        const rows = encode();
        const [count, width] = rows.shape;
        this.#table ??= zeros([this.#capacity, width], rows).persist();
        this.#table.narrow(0, this.#count, count).copy_(rows);
        this.#count += count;
      }),
    );
  }

  /** The rows so far, which are then the caller's. */
  take(): Tensor {
    const all = this.#table!.narrow(0, 0, this.#count);
    this.dispose();
    return all;
  }

  dispose(): void {
    this.#table?.dispose();
    this.#table = undefined;
  }
}

async function gather(
  batches: EvalBatches,
  encoder: Encoder,
  tables: { images: Rows; texts: Rows },
): Promise<DatasetFeatures> {
  const labels: number[] = [];
  const ids: bigint[] = [];
  for await (const batch of batches) {
    addBatch(batch, encoder, tables);
    labels.push(...batch.labels);
    ids.push(...batch.ids);
    batch.release();
    encoder.onBatch?.();
  }
  if (ids.length === 0)
    throw new CoupletError(
      `None of the samples for the evaluation could be read.\n${listProblems(batches.problems)}`,
    );
  return {
    images: tables.images.take(),
    ...(tables.texts.any && { texts: tables.texts.take() }),
    labels: Int32Array.from(labels),
    ids,
    skipped: batches.problems.count,
  };
}

function addBatch(
  batch: HostBatch,
  { method, device }: Encoder,
  { images, texts }: { images: Rows; texts: Rows },
): void {
  const { tokens, size } = batch;
  images.add(() => method.encodeImages(imagesToDevice(batch, device)));
  if (tokens) texts.add(() => method.encodeTexts!(tokensToDevice(tokens, size, device)));
}

/** Image features of data sets, each encoded once for all evaluations that read it. */
export class ImageFeatures {
  readonly #encoder: Encoder;
  readonly #known = new Map<Dataset, DatasetFeatures & { classes: Tensor }>();

  constructor(encoder: Encoder) {
    this.#encoder = encoder;
  }

  /** Features and classes; they live until dispose(). */
  async of(dataset: Dataset): Promise<LabelledRows & { labels: Tensor }> {
    let known = this.#known.get(dataset);
    if (!known) {
      const found = await encodeDataset(dataset, this.#encoder, { texts: false });
      known = { ...found, classes: labelTensor(found.labels, this.#encoder.device) };
      this.#known.set(dataset, known);
    }
    return { features: known.images, labels: known.classes };
  }

  /** Samples that could not be read. */
  get skipped(): number {
    return [...this.#known.values()].reduce((sum, { skipped }) => sum + skipped, 0);
  }

  dispose(): void {
    for (const { images, classes } of this.#known.values())
      for (const one of [images, classes]) one.dispose();
    this.#known.clear();
  }
}

/** Class numbers as int64 on a device. */
export function labelTensor(labels: Int32Array, device: string): Tensor {
  return tensor(BigInt64Array.from(labels, BigInt), [labels.length], { device });
}
