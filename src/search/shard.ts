// Nearest rows, exactly: products of 8-bit codes give each row a lower and an upper bound of its score, and rows that may be among
// the best are scored again from the file, in float64.
import { CoupletError } from '../errors.ts';
import type { NpyFile } from '../io/npy.ts';
import { NpyRows } from '../io/npy-rows.ts';

import { type Dots, dotKernel, KERNEL_STEP, kernelMemory } from './dot-kernel.ts';
import { TopRows } from './top-rows.ts';

export interface Match {
  row: number;
  /** Product of the query and the row: the cosine, as both have unit length. */
  score: number;
}

export interface ShardPlan {
  path: string;
  header: NpyFile;
  /** Rows [first, first + count). */
  first: number;
  count: number;
}

const BLOCK_NUMBERS = 2 ** 20;
const MAX_INT16 = 32767;
const MAX_SUM = 2 ** 30;
/** Of the arithmetic of bounds, which is float64 on float32 factors. */
const ROUNDING = 1e-6;

/** Some rows of a file, searched in one thread. */
export class Shard {
  readonly #plan: ShardPlan;
  readonly #file: NpyRows;
  readonly #dots: Dots;
  readonly #query: Int16Array;
  readonly #products: Int32Array;
  readonly #codesAt: number;
  /** Of a row: value of the code 1, and length of what the codes miss. */
  readonly #scale: Float32Array;
  readonly #missed: Float32Array;
  readonly #padded: number;
  #longest = 0;
  #longestCode = 1;

  /** Reads the rows. Throws a CoupletError for one that is not finite. */
  constructor(plan: ShardPlan) {
    const { path, header, count } = plan;
    this.#plan = plan;
    this.#file = new NpyRows(path, header);
    this.#padded = Math.ceil(this.#file.width / KERNEL_STEP) * KERNEL_STEP;
    const productsAt = 2 * this.#padded;
    this.#codesAt = Math.ceil((productsAt + 4 * count) / 64) * 64;
    const memory = kernelMemory(this.#codesAt + count * this.#padded);
    this.#dots = dotKernel(memory);
    this.#query = new Int16Array(memory.buffer, 0, this.#padded);
    this.#products = new Int32Array(memory.buffer, productsAt, count);
    this.#scale = new Float32Array(count);
    this.#missed = new Float32Array(count);
    try {
      this.#encode(new Int8Array(memory.buffer, this.#codesAt));
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** The k nearest rows, best first; of equal ones the first. */
  nearest(query: Float64Array, k: number): Match[] {
    const candidates = this.#candidates(query, k);
    const values = new Float32Array(this.#file.width);
    const matches = candidates.map((place) => {
      const row = this.#plan.first + place;
      this.#file.read(row, values);
      return { row, score: product(query, values) };
    });
    return best(matches, k);
  }

  close(): void {
    this.#file.close();
  }

  #encode(codes: Int8Array): void {
    const { first, count } = this.#plan;
    const { width } = this.#file;
    const blockRows = Math.max(1, Math.floor(BLOCK_NUMBERS / width));
    for (let start = 0; start < count; start += blockRows) {
      const rows = Math.min(blockRows, count - start);
      const values = new Float32Array(rows * width);
      this.#file.read(first + start, values);
      for (let row = 0; row < rows; row++) this.#encodeRow(start + row, { values, from: row * width, codes });
    }
  }

  #encodeRow(
    place: number,
    { values, from, codes }: { values: Float32Array; from: number; codes: Int8Array },
  ): void {
    const { width } = this.#file;
    let largest = 0;
    let sum = 0;
    for (let i = from; i < from + width; i++) {
      const size = Math.abs(values[i]!);
      if (size > largest) largest = size;
      sum += values[i]! * values[i]!;
    }
    if (!Number.isFinite(sum))
      throw new CoupletError(
        `${this.#plan.path}: row ${this.#plan.first + place} has NaN or an infinity. Write it again with couplet embed.`,
      );
    const scale = Math.fround(largest / 127) || 1;
    const to = place * this.#padded;
    let missed = 0;
    let length = 0;
    for (let i = 0; i < width; i++) {
      const value = values[from + i]!;
      const code = Math.max(-127, Math.min(127, Math.round(value / scale)));
      codes[to + i] = code;
      const rest = value - code * scale;
      missed += rest * rest;
      length += code * code;
    }
    this.#scale[place] = scale;
    this.#missed[place] = Math.sqrt(missed);
    this.#longest = Math.max(this.#longest, Math.sqrt(length) * scale);
    this.#longestCode = Math.max(this.#longestCode, Math.sqrt(length));
  }

  /** Places of the rows that may be among the k nearest. */
  #candidates(query: Float64Array, k: number): number[] {
    const { count } = this.#plan;
    const { step, length, missed } = this.#encodeQuery(query);
    this.#dots(this.#codesAt, 0, this.#products.byteOffset, count, this.#padded);
    const [products, scale, missedOf] = [this.#products, this.#scale, this.#missed];
    const common = missed * this.#longest + ROUNDING * length * Math.max(1, this.#longest);
    const lowest = new TopRows(Math.min(k, count));
    const candidates: number[] = [];
    const uppers: number[] = [];
    // The bar only rises, so that what is below it once is out.
    let bar = Number.NEGATIVE_INFINITY;
    for (let place = 0; place < count; place++) {
      const score = products[place]! * (scale[place]! * step);
      const doubt = length * missedOf[place]!;
      if (score + doubt < bar) continue;
      candidates.push(place);
      uppers.push(score + doubt);
      if (score - doubt <= lowest.threshold) continue;
      lowest.add(score - doubt);
      bar = lowest.threshold - 2 * common;
    }
    return candidates.filter((_, index) => uppers[index]! >= bar);
  }

  /** By a step so small that a code has 16 bits, and so large that no sum of products exceeds 32. */
  #encodeQuery(query: Float64Array): { step: number; length: number; missed: number } {
    const largest = query.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
    const length = Math.sqrt(query.reduce((sum, value) => sum + value * value, 0));
    const step = Math.max(largest / MAX_INT16, (length * this.#longestCode) / MAX_SUM) || 1;
    let missed = 0;
    this.#query.fill(0);
    for (const [i, value] of query.entries()) {
      const code = Math.round(value / step);
      this.#query[i] = code;
      missed += (value - code * step) ** 2;
    }
    return { step, length, missed: Math.sqrt(missed) };
  }
}

/** In float64, in the order of the numbers. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Best first; of equal scores the first row. */
export function best(matches: readonly Match[], k: number): Match[] {
  return matches.toSorted((a, b) => b.score - a.score || a.row - b.row).slice(0, k);
}
