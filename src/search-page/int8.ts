/** [N, E] in eight bits: row i is `values[i] * scales[i]`. */
export interface Int8Rows {
  readonly dim: number;
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Each row with a scale of its own, so that its largest number is 127. The cosine of a unit row to its copy is above 0.9998 for E = 512.
 * @param rows [N, E]
 */
export function toInt8Rows(rows: Float32Array, dim: number): Int8Rows {
  const count = rows.length / dim;
  const values = new Int8Array(rows.length);
  const scales = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const from = row * dim;
    let largest = 0;
    for (let i = from; i < from + dim; i++) largest = Math.max(largest, Math.abs(rows[i]!));
    if (largest === 0) continue;
    scales[row] = largest / 127;
    for (let i = from; i < from + dim; i++) values[i] = Math.round((rows[i]! / largest) * 127);
  }
  return { dim, values, scales };
}

/** [E], of one row. */
export function rowOf({ dim, values, scales }: Int8Rows, row: number): Float32Array {
  return Float32Array.from(values.subarray(row * dim, (row + 1) * dim), (value) => value * scales[row]!);
}

/** The file: scales, then values. The machine's numbers are little-endian, as in all browsers. */
export function int8File({ scales, values }: Int8Rows): Uint8Array {
  const bytes = new Uint8Array(scales.byteLength + values.byteLength);
  bytes.set(new Uint8Array(scales.buffer, scales.byteOffset, scales.byteLength));
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), scales.byteLength);
  return bytes;
}

/** @param bytes of `int8File`, at the start of their buffer */
export function readInt8File(bytes: Uint8Array<ArrayBuffer>, count: number, dim: number): Int8Rows {
  return {
    dim,
    scales: new Float32Array(bytes.buffer, 0, count),
    values: new Int8Array(bytes.buffer, count * 4, count * dim),
  };
}
