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

export interface Encoder {
  method: Method;
  /** For methods with texts. */
  tokenizer?: Tokenizer;
  device: string;
  imageSize: number;
  workers: number;
  /** Keeps decoded small pictures for the next process. */
  cacheFolder?: string;
  /** Greatest share of unreadable samples; default the loader's. */
  maxBadShare?: number;
  /** Called after each batch: other ranks wait for this one. */
  onBatch?: () => void;
}

export interface DatasetFeatures {
  /** [N, E], rows of unit length. */
  images: Tensor;
  /** [N, E] */
  texts?: Tensor;
  labels: Int32Array;
  /** Positions of the readable samples in the data index. */
  ids: bigint[];
  skipped: number;
}

/** Fewer of larger pictures: a scope keeps the outputs of all layers, 32 GB for 256 pictures of 224 pixels in a ViT-B/16. */
function microBatchSize(imageSize: number): number {
  return Math.max(16, Math.min(256, Math.floor(2 ** 21 / imageSize ** 2)));
}

const PREFETCH_BATCHES = 4;

/** Encodes centre crops of a data set in index order. The caller disposes the tensors. */
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
    prefetchBatches: PREFETCH_BATCHES,
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

/** One table for all batches, so that features are in memory once. */
class Rows {
  readonly #capacity: number;
  #table: Tensor | undefined;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get hasRows(): boolean {
    return this.#table !== undefined;
  }

  /** Adds the result of `encode`, [B, E]. */
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

  /** The rows, which the caller then disposes. */
  finish(): Tensor {
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
    images: tables.images.finish(),
    ...(tables.texts.hasRows && { texts: tables.texts.finish() }),
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

/** Encodes each data set once for all evaluations. */
export class ImageFeatures {
  readonly #encoder: Encoder;
  readonly #known = new Map<Dataset, DatasetFeatures & { classes: Tensor }>();

  constructor(encoder: Encoder) {
    this.#encoder = encoder;
  }

  /** Valid until dispose(). */
  async of(dataset: Dataset): Promise<LabelledRows & { labels: Tensor }> {
    let known = this.#known.get(dataset);
    if (!known) {
      const encoded = await encodeDataset(dataset, this.#encoder, { texts: false });
      known = { ...encoded, classes: labelTensor(encoded.labels, this.#encoder.device) };
      this.#known.set(dataset, known);
    }
    return { features: known.images, labels: known.classes };
  }

  get skipped(): number {
    return [...this.#known.values()].reduce((sum, { skipped }) => sum + skipped, 0);
  }

  dispose(): void {
    for (const { images, classes } of this.#known.values())
      for (const tensor of [images, classes]) tensor.dispose();
    this.#known.clear();
  }
}

/** int64 [N]. */
export function labelTensor(labels: Int32Array, device: string): Tensor {
  return tensor(BigInt64Array.from(labels, BigInt), [labels.length], { device });
}
