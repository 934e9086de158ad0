import { CoupletError } from '../errors.ts';

export const BYTES_PER_ELEMENT = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
} as const;

export type HostDtype = keyof typeof BYTES_PER_ELEMENT;

/** A tensor in host memory: row-major, little-endian, without gaps. */
export interface HostTensor {
  readonly dtype: HostDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export const byteLength = (dtype: HostDtype, shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, BYTES_PER_ELEMENT[dtype]);

/** Throws a CoupletError when dtype, shape and bytes do not match. */
export function checkHostTensor(name: string, { dtype, shape, data }: HostTensor): void {
  if (!Object.hasOwn(BYTES_PER_ELEMENT, dtype)) {
    throw new CoupletError(
      `Tensor '${name}' has the dtype '${dtype}', expected one of ${Object.keys(BYTES_PER_ELEMENT).join(', ')}.`,
    );
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new CoupletError(
      `Tensor '${name}' has the shape [${shape}], expected whole numbers that are not negative.`,
    );
  }
  const expected = byteLength(dtype, shape);
  if (data.byteLength !== expected) {
    throw new CoupletError(
      `Tensor '${name}' of ${dtype} [${shape}] takes ${expected} bytes, its data has ${data.byteLength}. Copy the tensor to the host without gaps first.`,
    );
  }
}
