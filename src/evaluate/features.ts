// N samples, B samples of a batch, E embedding.

import type { BadSamples } from '../data/dataset/problems.ts';
import { Reader } from '../data/dataset/reader.ts';
import {
  type Dataset,
  type EvalBatches,
  type EvalOptions,
  evalBatches,
  listProblems,
  type Problems,
} from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { imagesToDevice, tokensToDevice } from '../feed/upload.ts';
import type { Method } from '../methods/index.ts';
import { finiteRows } from '../nn/finite.ts';
import { noGrad, scope, type Tensor, tensor } from '../torch/index.ts';
import { FeatureRows } from './feature-rows.ts';
import type { LabelledRows } from './neighbours.ts';
import type { Remarks } from './remarks.ts';

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
  /** The skipped samples. */
  problems: Problems;
}

/** Fewer of larger pictures: a scope keeps the outputs of all layers, 32 GB for 256 pictures of 224 pixels in a ViT-B/16. */
export function microBatchSize(imageSize: number): number {
  return Math.max(16, Math.min(256, Math.floor(2 ** 21 / imageSize ** 2)));
}

const PREFETCH_BATCHES = 4;

/** Centre crops of all samples in index order, in the batches that `encodeBatches` takes. `start`: the first sample. */
export function batchesOf(
  dataset: Dataset,
  { tokenizer, imageSize, workers, maxBadShare, cacheFolder }: Encoder,
  { texts, start = 0, problems }: { texts: boolean; start?: number; problems?: BadSamples },
): EvalBatches {
  const options: EvalOptions = {
    microBatchSize: microBatchSize(imageSize),
    imageSize,
    workers,
    maxBadShare,
    start,
    captions: texts,
    prefetchBatches: PREFETCH_BATCHES,
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...(texts && { tokenizer }),
  };
  return evalBatches(dataset, options, problems);
}

/** Encodes centre crops of a data set in index order. The caller disposes the tensors. */
export async function encodeDataset(
  dataset: Dataset,
  encoder: Encoder,
  { texts }: { texts: boolean },
): Promise<DatasetFeatures> {
  const tables = { images: new FeatureRows(dataset.size), texts: new FeatureRows(dataset.size) };
  try {
    return await gather(batchesOf(dataset, encoder, { texts }), encoder, tables);
  } catch (error) {
    for (const table of Object.values(tables)) table.dispose();
    throw error;
  }
}

async function gather(
  batches: EvalBatches,
  encoder: Encoder,
  tables: FeatureTables,
): Promise<DatasetFeatures> {
  const labels: number[] = [];
  const ids: bigint[] = [];
  for await (const batch of encodeBatches(batches, encoder, tables)) {
    labels.push(...batch.labels);
    ids.push(...batch.ids);
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
    problems: batches.problems,
  };
}

/** Where the features of batches go. */
export interface FeatureTables {
  images: FeatureRows;
  /** Of batches with tokens. */
  texts: FeatureRows;
  /** For patch tokens too. */
  patches?: FeatureRows;
}

/** Appends the features of each batch to the tables, and yields its ids and labels. On a GPU the work is only queued by then. */
export async function* encodeBatches(
  batches: EvalBatches,
  { method, device, onBatch }: Encoder,
  { images, texts, patches }: FeatureTables,
): AsyncGenerator<{ ids: BigInt64Array; labels: Int32Array }> {
  for await (const batch of batches) {
    const { tokens, size } = batch;
    images.add(() => method.encodeImages(imagesToDevice(batch, device)));
    patches?.add(() => method.encodePatches!(imagesToDevice(batch, device)));
    if (tokens) texts.add(() => method.encodeTexts!(tokensToDevice(tokens, size, device)));
    const [ids, labels] = [batch.ids.slice(), batch.labels.slice()];
    batch.release();
    onBatch?.();
    yield { ids, labels };
  }
}

/** Texts of a batch, for whose layers a scope has memory. */
export const textBatchSize = (contextLength: number) =>
  Math.max(16, Math.min(256, Math.floor(2 ** 13 / contextLength)));

/** [N, E], rows of unit length. The caller disposes it. */
export function encodeTexts(
  texts: readonly string[],
  { method, tokenizer, device, onBatch }: Encoder,
): Tensor {
  const rows = new FeatureRows(texts.length);
  const size = textBatchSize(tokenizer!.contextLength);
  try {
    for (let first = 0; first < texts.length; first += size) {
      const part = texts.slice(first, first + size);
      rows.add(() => method.encodeTexts!(tokensToDevice(tokenizer!.encodeBatch(part), part.length, device)));
      onBatch?.();
    }
    return rows.finish();
  } catch (error) {
    rows.dispose();
    throw error;
  }
}

/** Rows of features that have NaN or an infinity. */
export function rowsNotFinite(features: Tensor): number[] {
  const finite = noGrad(() => scope(() => finiteRows(features).to('float32').toNumbers()));
  return finite.flatMap((good, row) => (good ? [] : [row]));
}

export type PictureFeatures = LabelledRows & { ids: readonly bigint[] };

/** Encodes each data set once for all evaluations. */
export class ImageFeatures {
  readonly #encoder: Encoder;
  readonly #remarks: Remarks;
  readonly #known = new Map<Dataset, PictureFeatures>();

  constructor(encoder: Encoder, remarks: Remarks) {
    this.#encoder = encoder;
    this.#remarks = remarks;
  }

  /** `name` of the data, for remarks. Valid until dispose(). */
  async of(dataset: Dataset, name: string): Promise<PictureFeatures> {
    const known = this.#known.get(dataset);
    if (known) return known;
    const { images, labels, ids, problems } = await encodeDataset(dataset, this.#encoder, { texts: false });
    const features = { features: images, labels: labelTensor(labels, this.#encoder.device), ids };
    this.#known.set(dataset, features);
    this.#remarks.lost(name, dataset, problems);
    remarkNotFinite(dataset, features, this.#remarks);
    return features;
  }

  dispose(): void {
    for (const { features, labels } of this.#known.values())
      for (const tensor of [features, labels]) tensor.dispose();
    this.#known.clear();
  }
}

export function remarkNotFinite(
  dataset: Dataset,
  { features, ids }: Pick<PictureFeatures, 'features' | 'ids'>,
  remarks: Remarks,
): void {
  const rows = rowsNotFinite(features);
  if (rows.length === 0) return;
  const first = nameOf(dataset, Number(ids[rows[0]]));
  remarks.notFinite(`${rows.length} of ${ids.length} pictures (the first is ${first})`);
}

/** Path of a sample, for messages. */
export function nameOf({ index }: Dataset, id: number): string {
  return new Reader(index).name(id);
}

/** int64 [N]. */
export function labelTensor(labels: ArrayLike<number>, device: string): Tensor {
  return tensor(BigInt64Array.from(Array.from(labels), BigInt), [labels.length], { device });
}
