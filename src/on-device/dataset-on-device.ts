// n: pictures. M: side of their canvases in pixels. L: context length.
import {
  captionTokens,
  checkBadShare,
  type Dataset,
  fingerprintOf,
  listProblems,
  type Problems,
  pictureSizes,
  wholePictures,
} from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';
import { refuseHugeTable } from './memory.ts';
import { openPictureFile, type PictureFile, PictureFileWriter, pictureFilePath } from './picture-file.ts';

/** All pictures of a data set on one device. A sample's row is its id. */
export interface DatasetOnDevice {
  /** uint8 [n, M, M, 3]: each picture in the upper left of its canvas; other pixels are undefined. */
  images: Tensor;
  /** int32 [n, 2]: width and height of the upright originals in pixels; 0 x 0 for a bad sample. */
  sizes: Int32Array;
  /** [n, L] on the host, with a tokenizer: captions of the first epoch. */
  tokens?: Int32Array;
  problems: Problems;
  dispose(): void;
}

export interface OnDeviceOptions {
  device: string;
  /** Longest side in pixels; larger pictures are shrunk to it. */
  maxSide: number;
  workers: number;
  /** Share of samples. */
  maxBadShare?: number;
  tokenizer?: Pick<Tokenizer, 'spec' | 'contextLength'>;
  /** Default: measured on the device. */
  freeBytes?: number;
  onProgress?: (done: number, total: number) => void;
  /** Folder for a file of the decoded pictures. */
  cache?: string;
  /** True on one rank only. */
  writesCache?: boolean;
  onWarning?: (message: string) => void;
}

const UPLOAD_BYTES = 2 ** 25;

/**
 * Decodes every picture once, or reads the cache, and uploads all pictures on every rank.
 * @throws CoupletError when the pictures do not fit, the cache cannot be used, or more samples are bad than allowed
 */
export async function loadDatasetOnDevice(
  dataset: Dataset,
  options: OnDeviceOptions,
): Promise<DatasetOnDevice> {
  const { device, maxSide, workers, writesCache = true } = options;
  const path = cachePath(dataset, options);
  const cached = path ? openPictureFile(path, { count: dataset.size, maxSide }) : undefined;
  let images: Tensor | undefined;
  let writer: PictureFileWriter | undefined;
  try {
    if (!cached) options.onProgress?.(0, dataset.size);
    const side = cached?.side ?? canvasSide(await pictureSizes(dataset, { workers }), maxSide);
    checkMemory({ count: dataset.size, side }, options);
    if (path && !cached && writesCache)
      writer = await PictureFileWriter.open(path, { count: dataset.size, side });
    images = zeros([dataset.size, side, side, 3], { dtype: 'uint8', device }).persist();
    const result = cached
      ? await uploadCached(dataset, cached, images, options)
      : await decodeAll(dataset, images, { ...options, writer });
    const { sizes, problems } = result;
    if (sizes.every((length) => length === 0))
      throw new CoupletError(
        `data.train: no picture could be used.\n${listProblems(problems)}\nRepair or replace these files.`,
      );
    writer?.finish(sizes, problems);
    if (writer?.failed !== undefined)
      options.onWarning?.(
        `data.cache: ${path} could not be written (${writer.failed}); the next run decodes again.`,
      );
    const loaded = images;
    return { images: loaded, ...result, dispose: () => loaded.dispose() };
  } catch (error) {
    images?.dispose();
    throw error;
  } finally {
    cached?.close();
    writer?.close();
  }
}

/** Undefined without a cache, or when the data has no fingerprint. */
function cachePath(dataset: Dataset, { cache, maxSide, tokenizer }: OnDeviceOptions): string | undefined {
  const fingerprint = cache === undefined ? undefined : fingerprintOf(dataset);
  // With captions, samples without one are bad.
  return fingerprint && pictureFilePath(cache!, { fingerprint, maxSide, captions: tokenizer !== undefined });
}

type LoadedSamples = Pick<DatasetOnDevice, 'sizes' | 'tokens' | 'problems'>;

async function uploadCached(
  dataset: Dataset,
  { side, sizes, problems, rows }: PictureFile,
  images: Tensor,
  { workers, tokenizer, maxBadShare }: OnDeviceOptions,
): Promise<LoadedSamples> {
  if (maxBadShare !== undefined) checkBadShare(problems, dataset.size, maxBadShare);
  const chunk = picturesPerUpload(side);
  for (let start = 0; start < dataset.size; start += chunk) {
    const count = Math.min(chunk, dataset.size - start);
    const bytes = rows(start, count);
    noGrad(() =>
      scope(() => images.narrow(0, start, count).copy_(upload(bytes, [count, side, side, 3], images.device))),
    );
  }
  if (!tokenizer) return { sizes, problems };
  const tokens = await captionTokens(dataset, { workers, tokenizer });
  const length = tokenizer.contextLength;
  for (let id = 0; id < dataset.size; id++)
    if (sizes[id * 2] === 0) tokens.fill(0, id * length, (id + 1) * length); // bad picture, good caption
  return { sizes, tokens, problems };
}

const picturesPerUpload = (side: number) =>
  Math.max(1, Math.min(4096, Math.floor(UPLOAD_BYTES / (side * side * 3))));

/** M: the longest shrunk side. */
function canvasSide(sizes: Int32Array, maxSide: number): number {
  const longest = sizes.reduce((most, length) => Math.max(most, length), 1);
  return Math.min(longest, maxSide);
}

async function decodeAll(
  dataset: Dataset,
  images: Tensor,
  { workers, maxBadShare, tokenizer, onProgress, writer }: OnDeviceOptions & { writer?: PictureFileWriter },
): Promise<LoadedSamples> {
  const side = images.shape[1]!;
  const length = tokenizer?.contextLength ?? 0;
  const sizes = new Int32Array(dataset.size * 2);
  const tokens = new Int32Array(dataset.size * length);
  const batches = wholePictures(dataset, {
    side,
    workers,
    ...(maxBadShare !== undefined && { maxBadShare }),
    captions: tokenizer !== undefined,
    ...(tokenizer && { tokenizer }),
    microBatchSize: picturesPerUpload(side),
  });
  for await (const batch of batches) {
    putRows(images, batch.ids, batch.views[0]!.images);
    writer?.put(batch.ids, batch.views[0]!.images);
    batch.ids.forEach((id, row) => {
      sizes.set(batch.sizes.subarray(row * 2, row * 2 + 2), Number(id) * 2);
      if (batch.tokens)
        tokens.set(batch.tokens.subarray(row * length, (row + 1) * length), Number(id) * length);
    });
    onProgress?.(Number(batch.ids.at(-1)) + 1, dataset.size);
    batch.release();
  }
  return { sizes, ...(tokenizer && { tokens }), problems: batches.problems };
}

/** @param ids [B], @param bytes [B, M, M, 3] */
function putRows(images: Tensor, ids: BigInt64Array, bytes: Uint8Array): void {
  const [, side] = images.shape as [number, number];
  const { device } = images;
  noGrad(() =>
    scope(() => {
      const rows = upload(ids, [ids.length], device);
      ops.index_copy_(images, 0, rows, upload(bytes, [ids.length, side, side, 3], device));
    }),
  );
}

function checkMemory(
  { count, side }: { count: number; side: number },
  { device, freeBytes }: OnDeviceOptions,
): void {
  refuseHugeTable(
    {
      bytes: count * side * side * 3,
      what: `data.hold: ${count} pictures of up to ${side} x ${side} pixels need`,
      remedy: "Either set data.hold to 'none', or use fewer or smaller pictures.",
    },
    { device, ...(freeBytes !== undefined && { freeBytes }) },
  );
}
