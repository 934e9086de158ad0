// NumPy's .npy files, version 1: magic, a header in Python's syntax, then the numbers.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { type FileHandle, open } from 'node:fs/promises';
import { CoupletError, withCleanUp } from '../errors.ts';
import { systemFailure } from './system-error.ts';

const DESCRIPTIONS = { float16: '<f2', float32: '<f4' } as const;
export type NpyDtype = keyof typeof DESCRIPTIONS;
export const NPY_BYTES: Readonly<Record<NpyDtype, number>> = { float16: 2, float32: 4 };

const MAGIC = '\x93NUMPY\x01\x00';
/** A multiple of 64, so that the numbers are aligned. All shapes in use fit. */
export const NPY_HEADER_BYTES = 128;
const MAX_HEADER_BYTES = 4096;

/** The first 128 bytes of a file with numbers in C order. */
export function npyHeader(dtype: NpyDtype, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = Buffer.alloc(NPY_HEADER_BYTES, ' ');
  header.write(MAGIC, 'latin1');
  header.writeUInt16LE(NPY_HEADER_BYTES - 10, 8);
  header.write(text, 10, 'latin1');
  header[NPY_HEADER_BYTES - 1] = 0x0a;
  return header;
}

export interface NpyFile {
  dtype: NpyDtype;
  shape: readonly number[];
  /** First byte of the numbers. */
  dataStart: number;
}

/** Reads the header of a file of float16 or float32. Throws a CoupletError when it is another file, or is cut. */
export async function readNpyHeader(path: string): Promise<NpyFile> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw systemFailure(cause, 'Cannot open', path);
  });
  return withCleanUp(
    () => headerOf(file, path).catch((cause) => Promise.reject(systemFailure(cause, 'Cannot read', path))),
    () => file.close(),
  );
}

async function headerOf(file: FileHandle, path: string): Promise<NpyFile> {
  const { size } = await file.stat();
  const start = Buffer.alloc(MAX_HEADER_BYTES);
  const { bytesRead } = await file.read(start, 0, MAX_HEADER_BYTES, 0);
  const dataStart = 10 + start.readUInt16LE(8);
  if (start.toString('latin1', 0, 8) !== MAGIC || dataStart > bytesRead)
    throw wrong(path, 'it does not begin with a header of NumPy');
  const text = start.toString('latin1', 10, dataStart);
  const [, descr, order, tuple] =
    /^\{'descr': '([^']{1,8})', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \}\s*$/.exec(text) ??
    [];
  const dtype = (Object.keys(DESCRIPTIONS) as NpyDtype[]).find((name) => DESCRIPTIONS[name] === descr);
  if (!dtype || order !== 'False' || tuple === undefined)
    throw wrong(path, 'its header has another form: expected float16 or float32 in C order');
  const shape = tuple.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  const bytes = shape.reduce((product, length) => product * length, NPY_BYTES[dtype]);
  if (shape.length === 0 || !Number.isSafeInteger(bytes))
    throw wrong(path, `its header has the shape (${tuple})`);
  if (dataStart + bytes !== size)
    throw wrong(path, `its shape (${tuple}) takes ${dataStart + bytes} bytes, and the file has ${size}`);
  return { dtype, shape, dataStart };
}

const wrong = (path: string, why: string): CoupletError =>
  new CoupletError(`${path} is cut or no .npy file: ${why}. Write it again.`);
