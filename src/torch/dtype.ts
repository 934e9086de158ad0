import type { HostArray } from '../../native/native.d.ts';

/** libtorch's scalar types (c10/core/ScalarType.h). */
export const DTYPE_CODE = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
} as const;

export type DType = keyof typeof DTYPE_CODE;

const NAME = new Map<number, DType>(Object.entries(DTYPE_CODE).map(([name, code]) => [code, name as DType]));

export function dtypeOf(code: number): DType {
  const name = NAME.get(code);
  if (!name)
    throw new TypeError(
      `libtorch's scalar type ${code} is not supported: expected one of ${Object.keys(DTYPE_CODE).join(', ')}`,
    );
  return name;
}

/** 16-bit floats are given as their bits. */
export function hostArray(dtype: DType, length: number): HostArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'int8':
      return new Int8Array(length);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(length);
    default:
      return new Uint8Array(length);
  }
}

export function dtypeOfArray(array: HostArray): DType {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Int16Array) return 'int16';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint8Array) return 'uint8';
  throw new TypeError(`a ${(array as object).constructor.name} does not say its dtype: use tensorFromBits()`);
}
