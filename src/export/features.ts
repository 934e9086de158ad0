// Features of a run, as rows of numbers.
import type { HostView } from '../data/index.ts';
import { viewToDevice } from '../feed/upload.ts';
import type { LoadedRun } from '../run/load-run.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { upload } from '../torch/upload.ts';

/** Row-major float32 [N, E]. */
export interface Rows {
  shape: readonly [number, number];
  data: Float32Array;
}

/** @param view RGB bytes [N, S, S, 3] */
export const imageRows = (run: LoadedRun, view: HostView): Rows =>
  rowsOf(() => run.method.encodeImages(viewToDevice(view, run.device)));

/** @param ids [N, L], whole rows: a tower that is not causal reads its padding */
export const textRows = (run: LoadedRun, ids: Int32Array, length: number): Rows =>
  rowsOf(() => run.method.encodeTexts!(upload(ids, [ids.length / length, length], run.device)));

export function rowsOf(encode: () => Tensor): Rows {
  return noGrad(() =>
    scope(() => {
      const rows = encode().to('float32');
      return { shape: rows.shape as [number, number], data: Float32Array.from(rows.toNumbers()) };
    }),
  ) as unknown as Rows;
}

/** Joins arrays of one kind. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function unitRows({ shape, data }: Rows): Rows {
  const [count, width] = shape;
  const out = Float32Array.from(data);
  for (let row = 0; row < count; row++) {
    const each = out.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...each);
    for (let i = 0; i < width; i++) each[i] = each[i]! / length;
  }
  return { shape, data: out };
}

/** The largest difference, relative to the largest number of `expected`. Infinite for other shapes, and for what is no number. */
export function worstDifference(actual: Rows, expected: Rows): number {
  if (actual.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < expected.data.length; i++) {
    const off = Math.abs(actual.data[i]! - expected.data[i]!);
    if (!Number.isFinite(off)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, off);
    largest = Math.max(largest, Math.abs(expected.data[i]!));
  }
  return worst / largest;
}

/** The lowest cosine of rows. */
export function lowestCosine(actual: Rows, expected: Rows): number {
  if (actual.shape.join() !== expected.shape.join()) return Number.NEGATIVE_INFINITY;
  const [a, b] = [unitRows(actual), unitRows(expected)];
  const [count, width] = expected.shape;
  let lowest = 1;
  for (let row = 0; row < count; row++) {
    let dot = 0;
    for (let i = row * width; i < (row + 1) * width; i++) dot += a.data[i]! * b.data[i]!;
    lowest = Number.isFinite(dot) ? Math.min(lowest, dot) : Number.NEGATIVE_INFINITY;
  }
  return lowest;
}
