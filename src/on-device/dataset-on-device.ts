// A data set that lives on the device: n pictures on canvases of M x M pixels, decoded once.
import { freemem } from 'node:os';
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
import { deviceMemory, memoryStats, noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';
import { openPictureFile, type PictureFile, PictureFileWriter, pictureFilePath } from './picture-file.ts';

/** All pictures of a data set on one device. The row of a sample is its id: its position in the data index. */
export interface DatasetOnDevice {
  /** uint8 [n, M, M, 3]: whole pictures, each in the upper left of its canvas; around it lies anything. */
  images: Tensor;
  /** int32 [n, 2]: width and height of the upright pictures before they were shrunk, in pixels; 0 x 0 for a bad sample. */
  sizes: Int32Array;
  /** [n, L] on the host, where there is a tokenizer: the captions of the first epoch. */
  tokens?: Int32Array;
  /** Bad samples: they have no picture here. */
  problems: Problems;
  dispose(): void;
}

export interface OnDeviceOptions {
  device: string;
  /** Longest side that is held, in pixels: larger pictures are shrunk to it, with their aspect kept. */
  maxSide: number;
  workers: number;
  /** Largest share of samples that may be bad. */
  maxBadShare?: number;
  tokenizer?: Pick<Tokenizer, 'spec' | 'contextLength'>;
  /** Bytes that may be taken; default a share of what the device has free. */
  freeBytes?: number;
  onProgress?: (done: number, total: number) => void;
  /** Folder in which a file of the decoded pictures is looked for. */
  cache?: string;
  /** Write that file when there is none: one of several ranks does. */
  writesCache?: boolean;
  /** Something was left undone that is not needed. */
  onWarning?: (message: string) => void;
}

/** Of the device's free memory: the rest is for what a step needs. */
const SHARE = 0.7;
/** Bytes of canvases that are on their way at a time. */
const CHUNK_BYTES = 2 ** 25;

/**
 * Decodes every picture once, in worker threads that end with it, and puts it on the device. The headers are read first, because the
 * largest picture gives M. Every rank holds all pictures.
 * @throws CoupletError when the pictures do not fit, or when more are bad than allowed
 */
export async function loadDatasetOnDevice(
  dataset: Dataset,
  options: OnDeviceOptions,
): Promise<DatasetOnDevice> {
  const { device, maxSide, workers, writesCache = true } = options;
  const path = cachePath(dataset, options);
  const kept = path ? openPictureFile(path, { count: dataset.size, maxSide }) : undefined;
  let images: Tensor | undefined;
  let writer: PictureFileWriter | undefined;
  try {
    if (!kept) options.onProgress?.(0, dataset.size);
    const side = kept?.side ?? canvasOf(await pictureSizes(dataset, { workers }), maxSide);
    refuseTooLarge({ count: dataset.size, side }, options);
    if (path && !kept && writesCache)
      writer = await PictureFileWriter.open(path, { count: dataset.size, side });
    images = zeros([dataset.size, side, side, 3], { dtype: 'uint8', device }).persist();
    const found = kept
      ? await takeKept(dataset, kept, images, options)
      : await decodeAll(dataset, images, { ...options, writer });
    const { sizes, problems } = found;
    if (sizes.every((length) => length === 0))
      throw new CoupletError(`No picture could be used.\n${listProblems(problems)}\nMend the data.`);
    writer?.finish(sizes, problems);
    if (writer?.failed !== undefined)
      options.onWarning?.(
        `data.cache: ${path} could not be written (${writer.failed}); the next run decodes again.`,
      );
    const held = images;
    return { images: held, ...found, dispose: () => held.dispose() };
  } catch (error) {
    images?.dispose();
    throw error;
  } finally {
    kept?.close();
    writer?.close();
  }
}

/** Where the decoded pictures are looked for; nowhere when they cannot be told from others. */
function cachePath(dataset: Dataset, { cache, maxSide, tokenizer }: OnDeviceOptions): string | undefined {
  const fingerprint = cache === undefined ? undefined : fingerprintOf(dataset);
  // A sample whose caption is missing is bad where captions are wanted.
  return fingerprint && pictureFilePath(cache!, { fingerprint, maxSide, captions: tokenizer !== undefined });
}

type Found = Pick<DatasetOnDevice, 'sizes' | 'tokens' | 'problems'>;

async function takeKept(
  dataset: Dataset,
  { side, sizes, problems, rows }: PictureFile,
  images: Tensor,
  { workers, tokenizer, maxBadShare }: OnDeviceOptions,
): Promise<Found> {
  if (maxBadShare !== undefined) checkBadShare(problems, dataset.size, maxBadShare);
  const chunk = chunkOf(side);
  for (let from = 0; from < dataset.size; from += chunk) {
    const count = Math.min(chunk, dataset.size - from);
    const bytes = rows(from, count);
    noGrad(() =>
      scope(() => images.narrow(0, from, count).copy_(upload(bytes, [count, side, side, 3], images.device))),
    );
  }
  if (!tokenizer) return { sizes, problems };
  const tokens = await captionTokens(dataset, { workers, tokenizer });
  const length = tokenizer.contextLength;
  for (let id = 0; id < dataset.size; id++)
    if (sizes[id * 2] === 0) tokens.fill(0, id * length, (id + 1) * length); // bad for its picture alone
  return { sizes, tokens, problems };
}

/** Canvases of so many bytes at a time. */
const chunkOf = (side: number) => Math.max(1, Math.min(4096, Math.floor(CHUNK_BYTES / (side * side * 3))));

/** M: the longest side of all pictures as they will be held. */
function canvasOf(sizes: Int32Array, maxSide: number): number {
  const longest = sizes.reduce((most, length) => Math.max(most, length), 1);
  return Math.min(longest, maxSide);
}

async function decodeAll(
  dataset: Dataset,
  images: Tensor,
  { workers, maxBadShare, tokenizer, onProgress, writer }: OnDeviceOptions & { writer?: PictureFileWriter },
): Promise<Found> {
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
    microBatchSize: chunkOf(side),
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

/** Bytes that a device has to give: on CUDA all but what this process has allocated. */
function freeBytesOf(device: string): number {
  if (device === 'cpu') return freemem();
  const { cuda } = memoryStats(Number(device.slice('cuda:'.length)));
  return deviceMemory(device) - (cuda?.allocated ?? 0);
}

function refuseTooLarge(
  { count, side }: { count: number; side: number },
  { device, freeBytes = freeBytesOf(device) }: OnDeviceOptions,
): void {
  const needed = count * side * side * 3;
  if (needed <= SHARE * freeBytes) return;
  throw new CoupletError(
    `data.hold: ${count} pictures of up to ${side} x ${side} pixels need ${gibibytes(needed)} on ${device}, and ${gibibytes(SHARE * freeBytes)} of the ${gibibytes(freeBytes)} that are free may be taken: set data.hold to 'none', or hold fewer or smaller pictures.`,
  );
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
