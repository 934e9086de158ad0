// A data set that lives on the device: n pictures on canvases of M x M pixels, decoded once.
import { freemem } from 'node:os';
import { type Dataset, listProblems, type Problems, pictureSizes, wholePictures } from '../data/index.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { deviceMemory, memoryStats, noGrad, scope, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';

/** All pictures of a data set on one device. The row of a sample is its id: its position in the data index. */
export interface HeldPictures {
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

export interface HoldOptions {
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
}

/** Of the device's free memory: the rest is for what a step needs. */
const SHARE = 0.7;
/** Bytes of canvases that workers fill at a time. */
const CHUNK_BYTES = 2 ** 25;

/**
 * Decodes every picture once, in worker threads that end with it, and puts it on the device. The headers are read first, because the
 * largest picture gives M. Every rank holds all pictures.
 * @throws CoupletError when the pictures do not fit, or when more are bad than allowed
 */
export async function holdPictures(dataset: Dataset, options: HoldOptions): Promise<HeldPictures> {
  const { device, maxSide, workers } = options;
  const sizes = await pictureSizes(dataset, { workers });
  const side = canvasOf(sizes, maxSide);
  refuseTooLarge({ count: dataset.size, side }, options);
  const images = zeros([dataset.size, side, side, 3], { dtype: 'uint8', device }).persist();
  try {
    return { images, ...(await decodeAll(dataset, images, options)), dispose: () => images.dispose() };
  } catch (error) {
    images.dispose();
    throw error;
  }
}

/** M: the longest side of all pictures as they will be held. */
function canvasOf(sizes: Int32Array, maxSide: number): number {
  const longest = sizes.reduce((most, length) => Math.max(most, length), 1);
  return Math.min(longest, maxSide);
}

async function decodeAll(
  dataset: Dataset,
  images: Tensor,
  { workers, maxBadShare, tokenizer, onProgress }: HoldOptions,
): Promise<Pick<HeldPictures, 'sizes' | 'tokens' | 'problems'>> {
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
    microBatchSize: Math.max(1, Math.min(4096, Math.floor(CHUNK_BYTES / (side * side * 3)))),
  });
  for await (const batch of batches) {
    putRows(images, batch.ids, batch.views[0]!.images);
    batch.ids.forEach((id, row) => {
      sizes.set(batch.sizes.subarray(row * 2, row * 2 + 2), Number(id) * 2);
      if (batch.tokens)
        tokens.set(batch.tokens.subarray(row * length, (row + 1) * length), Number(id) * length);
    });
    onProgress?.(Number(batch.ids.at(-1)) + 1, dataset.size);
    batch.release();
  }
  if (sizes.every((length) => length === 0))
    throw new CoupletError(`No picture could be used.\n${listProblems(batches.problems)}\nMend the data.`);
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
  { device, freeBytes = freeBytesOf(device) }: HoldOptions,
): void {
  const needed = count * side * side * 3;
  if (needed <= SHARE * freeBytes) return;
  throw new CoupletError(
    `data.hold: ${count} pictures of up to ${side} x ${side} pixels need ${gibibytes(needed)} on ${device}, and ${gibibytes(SHARE * freeBytes)} of the ${gibibytes(freeBytes)} that are free may be taken: set data.hold to 'none', or hold fewer or smaller pictures.`,
  );
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
