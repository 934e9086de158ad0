// n samples, B samples of a batch, E embedding, L context length.
import {
  checkBadShare,
  type Dataset,
  type EvalBatches,
  type HostBatch,
  listProblems,
  type Problems,
} from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { batchesOf, type Encoder, rowsNotFinite, textBatchSize } from '../evaluate/features.ts';
import type { HeldFeatures } from '../feed/held-features.ts';
import { imagesToDevice, tokensToDevice } from '../feed/upload.ts';
import { onHost } from '../io/checkpoint.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { refuseHugeTable } from '../on-device/memory.ts';
import { noGrad, scope, type Tensor, tensorFromBits, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';
import { CaptionRows } from './caption-rows.ts';
import { type KeptFeatures, readFeatures, writeFeatures } from './feature-file.ts';

export interface HoldOptions {
  /** E */
  embedDim: number;
  /** Holds the captions' features too: the text tower is frozen. */
  texts?: boolean;
  /** Default: measured on the device. */
  freeBytes?: number;
  /** Pictures or captions encoded so far, and all of them. */
  onProgress?: (what: 'pictures' | 'captions', done: number, total: number) => void;
  /** File of the features; `writes` on one rank only. */
  cache?: { path: string; writes: boolean; onWarning: (message: string) => void };
}

const BYTES_OF_HALF = 2;

/** Before it is known which caption an epoch draws. */
interface Encoded {
  /** float16 [n, E] */
  image: Tensor;
  /** float16 [captions, E] */
  text?: Tensor;
  sizes: Int32Array;
  tokens: Int32Array;
  problems: Problems;
}

/**
 * Encodes the centre crop of each picture once, by a frozen tower, into a table of halves on the device; or reads the file of a run that
 * did. Evaluations crop and batch in the same way. On each rank.
 * @throws CoupletError when the table does not fit, a feature is no half, or more samples are bad than allowed
 */
export async function holdFeatures(
  dataset: Dataset,
  encoder: Encoder,
  options: HoldOptions,
): Promise<HeldFeatures> {
  const { cache } = options;
  const { device, maxBadShare } = encoder;
  const { embedDim, texts = false } = options;
  const { contextLength } = encoder.tokenizer!;
  const sizes = { rows: dataset.size, embedDim, contextLength, texts };
  const kept = cache && (await readFeatures(cache.path, sizes));
  if (kept && maxBadShare !== undefined) checkBadShare(kept.problems, dataset.size, maxBadShare);
  refuseTable({ rows: dataset.size, what: 'pictures' }, device, options);
  const encoded = kept ? onDevice(kept, device) : await encodeAll(dataset, encoder, options);
  const { text: table, ...own } = encoded;
  if (cache?.writes && !kept) {
    const failed = await writeFeatures(cache.path, hostCopies(encoded));
    if (failed !== undefined)
      cache.onWarning(
        `data.cache: ${cache.path} could not be written (${failed}); the next run encodes again.`,
      );
  }
  if (!table) return { ...own, dispose: () => own.image.dispose() };
  const captions = new CaptionRows(dataset, own);
  const dispose = () => {
    for (const tensor of [own.image, table]) tensor.dispose();
  };
  return { ...own, text: { table, rowsOf: (places, seed) => captions.rowsOf(places, seed) }, dispose };
}

async function encodeAll(dataset: Dataset, encoder: Encoder, options: HoldOptions): Promise<Encoded> {
  const { embedDim, texts = false, onProgress } = options;
  const { device, tokenizer } = encoder;
  const { size } = dataset;
  const image = zeros([size, embedDim], { dtype: 'float16', device }).persist();
  try {
    onProgress?.('pictures', 0, size);
    const host = new HostColumns(size, tokenizer!.contextLength);
    const batches = batchesOf(dataset, encoder, { texts: true });
    for await (const batch of batches) {
      putRows(image, batch.ids, () => encoder.method.towers!.image(imagesToDevice(batch, device)));
      host.put(batch);
      onProgress?.('pictures', Number(batch.ids.at(-1)) + 1, size);
      batch.release();
      encoder.onBatch?.();
    }
    onProgress?.('pictures', size, size);
    checkSome(host, batches);
    checkHalves(image);
    const { sizes, tokens } = host;
    const own = { image, sizes, tokens, problems: batches.problems };
    if (!texts) return own;
    const captions = new CaptionRows(dataset, { sizes, tokens });
    refuseTable({ rows: captions.size, what: 'captions' }, device, options);
    const progress = {
      embedDim,
      onProgress: (done: number) => onProgress?.('captions', done, captions.size),
    };
    return { ...own, text: encodeCaptions(captions, encoder, progress) };
  } catch (error) {
    image.dispose();
    throw error;
  }
}

const int32 = (numbers: Int32Array, rows: number): HostTensor => ({
  dtype: 'int32',
  shape: [rows, numbers.length / rows],
  data: new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
});

function hostCopies({ image, text, sizes, tokens, problems }: Encoded): KeptFeatures {
  const [rows] = image.shape as [number];
  const tables = onHost(new Map([['image', image], ...(text ? [['text', text] as const] : [])]));
  return { tensors: tables.set('sizes', int32(sizes, rows)).set('tokens', int32(tokens, rows)), problems };
}

function onDevice({ tensors, problems }: KeptFeatures, device: string): Encoded {
  const table = (name: string) => {
    const { data, shape, dtype } = tensors.get(name)!;
    return scope(() => tensorFromBits(data, shape, dtype).toDevice(device).persist());
  };
  const numbers = (name: string) => {
    const { buffer, byteOffset, byteLength } = tensors.get(name)!.data;
    return new Int32Array(buffer, byteOffset, byteLength / Int32Array.BYTES_PER_ELEMENT);
  };
  const own = { image: table('image'), sizes: numbers('sizes'), tokens: numbers('tokens'), problems };
  return { ...own, ...(tensors.has('text') && { text: table('text') }) };
}

function refuseTable(
  { rows, what }: { rows: number; what: string },
  device: string,
  { embedDim, freeBytes }: HoldOptions,
): void {
  const table = {
    bytes: rows * embedDim * BYTES_OF_HALF,
    what: `data.hold: the features of ${rows} ${what}, ${embedDim} halves each, need`,
    remedy: "Set data.hold to 'none', or use fewer samples.",
  };
  refuseHugeTable(table, { device, ...(freeBytes !== undefined && { freeBytes }) });
}

/** By sample id; zeros for a bad sample. */
class HostColumns {
  readonly sizes: Int32Array; // [n, 2]
  readonly tokens: Int32Array; // [n, L]
  readonly #length: number;

  constructor(size: number, contextLength: number) {
    this.sizes = new Int32Array(size * 2);
    this.tokens = new Int32Array(size * contextLength);
    this.#length = contextLength;
  }

  put({ ids, sizes, tokens }: HostBatch): void {
    const length = this.#length;
    for (const [row, id] of ids.entries()) {
      this.sizes.set(sizes.subarray(row * 2, row * 2 + 2), Number(id) * 2);
      this.tokens.set(tokens!.subarray(row * length, (row + 1) * length), Number(id) * length);
    }
  }
}

/** @param encode the rows of these samples, [B, E] */
function putRows(table: Tensor, ids: BigInt64Array, encode: () => Tensor): void {
  noGrad(() =>
    scope(() => {
      const rows = upload(ids, [ids.length], table.device);
      ops.index_copy_(table, 0, rows, encode().to(table.dtype));
    }),
  );
}

function checkSome({ sizes }: HostColumns, { problems }: EvalBatches): void {
  if (sizes.some((length) => length > 0)) return;
  throw new CoupletError(
    `data.train: no picture could be used.\n${listProblems(problems)}\nRepair or replace these files.`,
  );
}

function checkHalves(table: Tensor, what = 'sample'): void {
  const wrong = rowsNotFinite(table);
  if (wrong.length === 0) return;
  throw new CoupletError(
    `data.hold: the frozen tower gives ${what} ${wrong[0]}, and ${wrong.length} in all, features that are not finite as halves (above 65,504, or not a number). Set data.hold to 'none', or look at the weights of model.from.`,
  );
}

/** float16 [captions, E] */
function encodeCaptions(
  captions: CaptionRows,
  { method, tokenizer, device, onBatch }: Encoder,
  { embedDim, onProgress }: { embedDim: number; onProgress: (done: number) => void },
): Tensor {
  const table = zeros([captions.size, embedDim], { dtype: 'float16', device }).persist();
  try {
    onProgress(0);
    const count = textBatchSize(tokenizer!.contextLength);
    for (let first = 0; first < captions.size; first += count) {
      const rows = Math.min(count, captions.size - first);
      const tokens = captions.tokens(first, rows, tokenizer!);
      noGrad(() =>
        scope(() =>
          table.narrow(0, first, rows).copy_(method.towers!.text(tokensToDevice(tokens, rows, device))),
        ),
      );
      onProgress(first + rows);
      onBatch?.();
    }
    checkHalves(table, 'caption');
    return table;
  } catch (error) {
    table.dispose();
    throw error;
  }
}
