import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { CoupletError, withCleanUp } from '../errors.ts';
import { byteLength, checkHostTensor, type HostTensor } from './host-tensor.ts';
import {
  DTYPE_CODES,
  parseHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './safetensors-header.ts';
import { systemFailure } from './system-error.ts';

// Format: https://github.com/huggingface/safetensors#format

const MAX_HEADER_BYTES = 100_000_000; // bytes, as in the reference implementation
const CHUNK_BYTES = 2 ** 30; // Linux reads and writes at most 2 GiB at once

export type NamedHostTensors = ReadonlyMap<string, HostTensor> | Readonly<Record<string, HostTensor>>;

/**
 * Writes tensors to `path` and flushes them. They are sorted by width of elements, for alignment, then by name.
 * `__metadata__` is `metadata` and `{"format": "pt"}`.
 * Throws a CoupletError for a tensor whose bytes do not match its shape; system errors (disk full) pass through.
 */
export async function writeSafetensors(
  path: string,
  tensors: NamedHostTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const entries = [...(tensors instanceof Map ? tensors : Object.entries(tensors))] as [string, HostTensor][];
  for (const [name, tensor] of entries) {
    if (name === '__metadata__')
      throw new CoupletError("A tensor cannot be called '__metadata__': rename it.");
    checkHostTensor(name, tensor);
  }
  const width = ([, { dtype }]: [string, HostTensor]): number => byteLength(dtype, []);
  entries.sort((a, b) => width(b) - width(a) || (a[0] < b[0] ? -1 : 1));
  const file = await open(path, 'w');
  const write = async () => {
    await writeAll(file, headerBytes(entries, metadata));
    for (const [, { data }] of entries) await writeAll(file, data);
    await file.sync();
  };
  await withCleanUp(write, () => file.close());
}

function headerBytes(
  entries: readonly [string, HostTensor][],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  let offset = 0;
  const fields: [string, unknown][] = [['__metadata__', { format: 'pt', ...metadata }]];
  for (const [name, { dtype, shape, data }] of entries) {
    const end = offset + data.byteLength;
    fields.push([name, { dtype: DTYPE_CODES[dtype], shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Not one object: it would put numeric names first and lose '__proto__'.
  const json = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = Buffer.from(json, 'utf8');
  const padded = Math.ceil(text.length / 8) * 8;
  const out = Buffer.alloc(8 + padded, ' ');
  out.writeBigUInt64LE(BigInt(padded), 0);
  text.copy(out, 8);
  return out;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(CHUNK_BYTES, bytes.byteLength - done));
    done += bytesWritten;
  }
}

/** An open file with a checked header; reads each tensor on demand. */
export interface SafetensorsFile {
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Dtype and shape, without reading. */
  describe(name: string): Omit<HostTensor, 'data'>;
  /** Reads one tensor into new memory, aligned for any typed array. */
  read(name: string): Promise<HostTensor>;
  close(): Promise<void>;
}

/** Throws a CoupletError when the file is missing, cut or invalid. */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r').catch((cause: Error) => {
    throw systemFailure(cause, 'Cannot open', path);
  });
  try {
    const header = await readHeader(file, path);
    const entry = (name: string): SafetensorsEntry => {
      const existing = header.entries.get(name);
      if (existing) return existing;
      throw new CoupletError(
        `${path} has no tensor '${name}'. The first of its ${header.entries.size} tensors: ${[...header.entries.keys()].slice(0, 10).join(', ')}.`,
      );
    };
    return {
      names: [...header.entries.keys()],
      metadata: header.metadata,
      describe: (name) => ({ dtype: entry(name).dtype, shape: entry(name).shape }),
      async read(name) {
        const { dtype, shape, begin, end } = entry(name);
        return {
          dtype,
          shape,
          data: await readExactly(file, { offset: header.dataStart + begin, size: end - begin, path }),
        };
      },
      close: () => file.close(),
    };
  } catch (error) {
    return withCleanUp(
      () => Promise.reject(error),
      () => file.close(),
    );
  }
}

/**
 * Reads tensors by name; default all, in the order of the file.
 * Throws a CoupletError as `openSafetensors`, or for an unknown name.
 */
export async function readSafetensors(
  path: string,
  { names }: { names?: readonly string[] } = {},
): Promise<{ tensors: Map<string, HostTensor>; metadata: Readonly<Record<string, string>> }> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, HostTensor>();
    for (const name of names ?? file.names) tensors.set(name, await file.read(name));
    return { tensors, metadata: file.metadata };
  } finally {
    await file.close();
  }
}

async function readHeader(file: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  const bytes = (offset: number, count: number) => readExactly(file, { offset, size: count, path });
  const headerSize = headerSizeOf(size < 8 ? undefined : await bytes(0, 8), { size, path });
  const text = Buffer.from((await bytes(8, headerSize)).buffer);
  return parseHeader(text, { path, dataStart: 8 + headerSize, dataSize: size - 8 - headerSize });
}

/** Names, dtypes and shapes of a file, without its numbers. Throws a CoupletError when it is missing, cut or invalid. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const bytes = (offset: number, count: number) => {
        const out = Buffer.alloc(count);
        for (let done = 0; done < count; ) {
          const read = readSync(file, out, done, count - done, offset + done);
          if (read === 0) throw new CoupletError(`${path} became shorter while it was read. Read it again.`);
          done += read;
        }
        return out;
      };
      const headerSize = headerSizeOf(size < 8 ? undefined : bytes(0, 8), { size, path });
      const text = bytes(8, headerSize);
      return parseHeader(text, { path, dataStart: 8 + headerSize, dataSize: size - 8 - headerSize });
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw systemFailure(error, 'Cannot read', path);
  }
}

/** @param start the first 8 bytes. Throws a CoupletError. */
function headerSizeOf(start: Uint8Array | undefined, { size, path }: { size: number; path: string }): number {
  if (!start)
    throw new CoupletError(
      `${path} is not a safetensors file: it has ${size} bytes, expected at least 8. Check the path.`,
    );
  const headerSize = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (headerSize <= MAX_HEADER_BYTES && 8 + headerSize <= size) return headerSize;
  throw new CoupletError(
    `${path} is cut or not a safetensors file: its header should have ${headerSize} bytes, the file has ${size}. Copy or write it again.`,
  );
}

async function readExactly(
  file: FileHandle,
  { offset, size, path }: { offset: number; size: number; path: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(out, done, Math.min(CHUNK_BYTES, size - done), offset + done);
    if (bytesRead === 0) throw new CoupletError(`${path} became shorter while it was read. Read it again.`);
    done += bytesRead;
  }
  return out;
}
