import { closeSync, openSync, readSync } from 'node:fs';
import { CoupletError } from '../errors.ts';
import { NPY_BYTES, type NpyFile } from './npy.ts';
import { systemFailure } from './system-error.ts';

/** Values of all 65,536 halves, by their bits. */
function halfValues(): Float32Array {
  const values = new Float32Array(2 ** 16);
  for (let bits = 0; bits < values.length; bits++) {
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 1023;
    const size =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Number.POSITIVE_INFINITY
            : Number.NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    values[bits] = bits & 0x8000 ? -size : size;
  }
  return values;
}

let halves: Float32Array | undefined;

const CHUNK_BYTES = 2 ** 30; // Linux reads at most 2 GiB at once

/** Reads rows of an .npy file as float32. */
export class NpyRows {
  readonly width: number;
  readonly #path: string;
  readonly #header: NpyFile;
  readonly #descriptor: number;
  #buffer = new ArrayBuffer(0);

  constructor(path: string, header: NpyFile) {
    this.#path = path;
    this.#header = header;
    this.width = header.shape.slice(1).reduce((product, length) => product * length, 1);
    this.#descriptor = this.#attempt(() => openSync(path, 'r'));
  }

  /** Fills `out` with the rows from `first` on. @throws CoupletError when the file became shorter */
  read(first: number, out: Float32Array): void {
    const { dtype, dataStart } = this.#header;
    const bytes = out.length * NPY_BYTES[dtype];
    const offset = dataStart + first * this.width * NPY_BYTES[dtype];
    if (dtype === 'float32') {
      this.#fill(new Uint8Array(out.buffer, out.byteOffset, bytes), offset);
      return;
    }
    if (this.#buffer.byteLength < bytes) this.#buffer = new ArrayBuffer(bytes);
    this.#fill(new Uint8Array(this.#buffer, 0, bytes), offset);
    halves ??= halfValues();
    const bits = new Uint16Array(this.#buffer, 0, out.length);
    for (let i = 0; i < out.length; i++) out[i] = halves[bits[i]!]!;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #fill(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(CHUNK_BYTES, bytes.length - done);
      const count = this.#attempt(() => readSync(this.#descriptor, bytes, done, length, offset + done));
      if (count === 0)
        throw new CoupletError(`${this.#path} became shorter while it was read. Read it again.`);
      done += count;
    }
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw systemFailure(cause, 'Cannot read', this.#path);
    }
  }
}
