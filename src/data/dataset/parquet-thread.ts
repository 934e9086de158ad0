// Reads Parquet in a thread of its own: a damaged file can keep its decoder busy for ever, or fill the memory.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type FileMetaData, parquetReadObjects, snappyUncompress } from 'hyparquet';
import { isMachineFailure, systemFailure } from '../../io/system-error.ts';
import { answerRequests } from '../thread-channel.ts';
import { checkRowCounts, openMetadata, SliceFile, SPARE, topLevelColumns } from './parquet-file.ts';
import { decodeText } from './text.ts';
import { isUnreadable, type Unreadable } from './values.ts';

export type ParquetRequest =
  | { type: 'open'; path: string; pulse: Int32Array }
  /** Rows from `start` to before `end`. */
  | { type: 'rows'; start: number; end: number; image: string; caption?: string; label?: string };

export interface ParquetFacts {
  columns: string[];
  /** Rows of each group. */
  groups: number[];
  rows: number;
  /** JSON of the datasets library. */
  huggingFace?: string;
}

export interface ParquetRows {
  count: number;
  /** [count]: place of the picture in the file, or -1 for one in `unpacked`, which has them in order. */
  offsets: Float64Array;
  /** [count]: bytes of the picture, 0 for none. */
  lengths: Uint32Array;
  /** Valid until the answer after the next. */
  unpacked: Uint8Array;
  captions: unknown[];
  labels: unknown[];
}

export type ParquetAnswer = ParquetFacts | ParquetRows | { damaged: string };

const compressors = {
  SNAPPY: (input: Uint8Array, size: number) => {
    const output = new Uint8Array(open!.file.memory(size));
    snappyUncompress(input, output);
    return output;
  },
  GZIP: (input: Uint8Array, size: number) =>
    new Uint8Array(gunzipSync(input, { maxOutputLength: size || 1 })),
  BROTLI: (input: Uint8Array, size: number) =>
    new Uint8Array(brotliDecompressSync(input, { maxOutputLength: size || 1 })),
};

let open: { path: string; file: SliceFile; metadata: FileMetaData } | undefined;

async function answer(request: ParquetRequest): Promise<ParquetAnswer> {
  const path = request.type === 'open' ? request.path : open!.path;
  try {
    return request.type === 'open' ? await facts(request) : await rowsOf(request);
  } catch (error) {
    if (isMachineFailure(error)) throw systemFailure(error, 'Cannot read', path);
    return { damaged: (error as Error).message };
  }
}

async function facts({ path, pulse }: ParquetRequest & { type: 'open' }): Promise<ParquetFacts> {
  open?.file.close();
  open = undefined;
  const file = new SliceFile(path, pulse);
  const metadata = await openMetadata(file);
  open = { path, file, metadata };
  checkRowCounts(metadata, file.byteLength);
  const huggingFace = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  return {
    columns: topLevelColumns(metadata),
    groups: metadata.row_groups.map(({ num_rows }) => Number(num_rows)),
    rows: Number(metadata.num_rows),
    ...(huggingFace !== undefined && { huggingFace }),
  };
}

async function rowsOf({
  start,
  end,
  image,
  caption,
  label,
}: ParquetRequest & { type: 'rows' }): Promise<ParquetRows> {
  const { file, metadata } = open!;
  file.reuse();
  const columns = [image, caption, label].filter((name) => name !== undefined);
  const rows = await parquetReadObjects({
    file,
    metadata,
    columns,
    rowStart: start,
    rowEnd: end,
    utf8: false,
    compressors,
  });
  const pictures = rows.map((row) => imageBytes(row[image]));
  const places = pictures.map((bytes) => (bytes ? file.offsetOf(bytes) : undefined));
  return {
    count: rows.length,
    offsets: Float64Array.from(places, (place) => place ?? -1),
    lengths: Uint32Array.from(pictures, (bytes) => bytes?.length ?? 0),
    unpacked: joined(pictures.filter((bytes, row) => bytes !== undefined && places[row] === undefined)),
    captions: caption === undefined ? [] : rows.map((row) => plain(row[caption])),
    labels: label === undefined ? [] : rows.map((row) => plain(row[label])),
  };
}

/** Does not follow a path: a data file must not name files on this disk. */
function imageBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const inner = (value as { bytes?: unknown } | null | undefined)?.bytes;
  return inner instanceof Uint8Array ? inner : undefined;
}

/** In turns: the reader writes one down while the next is filled. */
const shared = [new SharedArrayBuffer(0), new SharedArrayBuffer(0)];
let turn = 0;

function joined(parts: readonly (Uint8Array | undefined)[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part!.length, 0);
  if (length === 0) return new Uint8Array(0);
  turn = 1 - turn;
  if (shared[turn]!.byteLength < length) shared[turn] = new SharedArrayBuffer(Math.ceil(length * SPARE));
  const whole = new Uint8Array(shared[turn]!, 0, length);
  let at = 0;
  for (const part of parts) {
    whole.set(part!, at);
    at += part!.length;
  }
  return whole;
}

/** Texts, numbers and lists; bytes would be sent with all of their page. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return decodeText(value) ?? NOT_UTF8;
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'object' && value !== null && !isUnreadable(value) ? OBJECT : value;
}

const NOT_UTF8: Unreadable = { unreadable: 'is not UTF-8' };
const OBJECT: Unreadable = { unreadable: 'is an object: expected a text' };

answerRequests(answer);
