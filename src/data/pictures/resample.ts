import type { Box, Interpolation, Size } from './crop.ts';

// Antialiased resampling of 8-bit RGB as in Pillow, torchvision and open_clip: fixed point, filter support grows with the shrink factor,
// each pass rounds to a byte.

/** A byte times the sum of a cubic's absolute weights fits 31 bits. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

interface Filter {
  support: number;
  weight(x: number): number;
}

const filters: Record<Interpolation, Filter> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
};

/** Keys' cubic with a = -1/2. */
function cubic(value: number): number {
  const x = Math.abs(value);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

/** Inputs of each output, with fixed-point weights [outputs, taps]. */
interface Taps {
  taps: number;
  first: Int32Array;
  count: Int32Array;
  weights: Int32Array;
}

const tapsByKey = new Map<string, Taps>();

function tapsFor(from: number, to: number, interpolation: Interpolation): Taps {
  const key = `${interpolation}:${from}:${to}`;
  const known = tapsByKey.get(key);
  if (known) return known;
  if (tapsByKey.size >= 512) tapsByKey.clear();
  const taps = makeTaps(from, to, filters[interpolation]);
  tapsByKey.set(key, taps);
  return taps;
}

function makeTaps(from: number, to: number, filter: Filter): Taps {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const result = {
    taps,
    first: new Int32Array(to),
    count: new Int32Array(to),
    weights: new Int32Array(to * taps),
  };
  for (let out = 0; out < to; out++) {
    const center = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first;
    const weights = Array.from({ length: count }, (_, k) =>
      filter.weight((first + k - center + 0.5) / stretch),
    );
    const total = weights.reduce((sum, w) => sum + w, 0);
    result.first[out] = first;
    result.count[out] = count;
    for (let k = 0; k < count; k++)
      result.weights[out * taps + k] = Math.round((weights[k]! / total) * 2 ** WEIGHT_BITS);
  }
  return result;
}

export interface Resample {
  /** Part of the source; no pixel outside is read. */
  box: Box;
  /** Size of the whole result. */
  resized: Size;
  /** Part of the result that is written. */
  window: Box;
  flip: boolean;
  interpolation: Interpolation;
}

/** The vertical pass reads four rows at once; extra rows have weight 0. */
const SPARE_ROWS = 3;

/** After the horizontal pass; reused by the next call. */
let between = new Uint8Array(0);

/**
 * Resamples `box` and writes `window` of the result, channels last.
 * @param source RGB bytes, [height, width, 3]
 * @equation FastCL 7: resize of a crop: out = W_y image W_x^T; the filter is wider when it shrinks
 */
export function resample(
  source: { data: Uint8Array; width: number },
  how: Resample,
  target: Uint8Array,
  offset = 0,
): void {
  const { box, window } = how;
  const columns = tapsFor(box.width, how.resized.width, how.interpolation);
  const rows = tapsFor(box.height, how.resized.height, how.interpolation);
  const top = rows.first[window.y]!;
  const last = window.y + window.height - 1;
  const bottom = rows.first[last]! + rows.count[last]!;
  const size = (bottom - top + SPARE_ROWS) * window.width * 3;
  if (between.length < size) between = new Uint8Array(size);
  const start = ((box.y + top) * source.width + box.x) * 3;
  horizontal(source, { start, rows: bottom - top, columns, window, flip: how.flip });
  vertical({ rows, top, window }, target, offset);
}

function horizontal(
  source: { data: Uint8Array; width: number },
  pass: { start: number; rows: number; columns: Taps; window: Box; flip: boolean },
): void {
  const { data } = source;
  const { first, count, weights, taps } = pass.columns;
  const { x: left, width } = pass.window;
  const out = between;
  for (let row = 0; row < pass.rows; row++) {
    const from = pass.start + row * source.width * 3;
    const to = row * width * 3;
    for (let x = 0; x < width; x++) {
      const column = left + x;
      const n = count[column]!;
      let index = from + first[column]! * 3;
      let w = column * taps;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (const end = w + n; w < end; w++, index += 3) {
        const weight = weights[w]!;
        r = (r + Math.imul(data[index]!, weight)) | 0;
        g = (g + Math.imul(data[index + 1]!, weight)) | 0;
        b = (b + Math.imul(data[index + 2]!, weight)) | 0;
      }
      const place = to + (pass.flip ? width - 1 - x : x) * 3;
      out[place] = clamp(r >> WEIGHT_BITS);
      out[place + 1] = clamp(g >> WEIGHT_BITS);
      out[place + 2] = clamp(b >> WEIGHT_BITS);
    }
  }
}

/** Of one output row, in fixed point. */
let sums = new Int32Array(0);

function vertical(pass: { rows: Taps; top: number; window: Box }, target: Uint8Array, offset: number): void {
  const { first, count, weights, taps } = pass.rows;
  const stride = pass.window.width * 3;
  if (sums.length < stride) sums = new Int32Array(stride);
  for (let y = 0; y < pass.window.height; y++) {
    const row = pass.window.y + y;
    const from = (first[row]! - pass.top) * stride;
    sums.fill(HALF, 0, stride);
    for (let k = 0; k < count[row]!; k += 4)
      addFour(from + k * stride, stride, weights.subarray(row * taps + k, (row + 1) * taps));
    const to = offset + y * stride;
    for (let x = 0; x < stride; x++) target[to + x] = clamp(sums[x]! >> WEIGHT_BITS);
  }
}

/** Four rows at once: otherwise memory access to the sums costs more than the products. */
function addFour(from: number, stride: number, weights: Int32Array): void {
  const data = between;
  const line = sums;
  const w0 = weights[0]!;
  const w1 = weights[1] ?? 0;
  const w2 = weights[2] ?? 0;
  const w3 = weights[3] ?? 0;
  for (let x = 0, index = from; x < stride; x++, index++) {
    const a = (Math.imul(data[index]!, w0) + Math.imul(data[index + stride]!, w1)) | 0;
    const b = (Math.imul(data[index + 2 * stride]!, w2) + Math.imul(data[index + 3 * stride]!, w3)) | 0;
    line[x] = (line[x]! + a + b) | 0;
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}
