/*
 * Randomness without state: a draw is a hash of its keys, such as (seed, epoch, id, view, purpose). So neither the number of workers
 * nor a resumed run changes it.
 */

/** Keys that keep two draws about one sample independent. */
export const purpose = { order: 1, crop: 2, flip: 3, template: 4, replacement: 5, caption: 6 } as const;

const GOLDEN = 0x9e3779b9;

/** Murmur3's 32-bit finalizer. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 32-bit hash of non-negative safe integers, in order. Each `lane` is an independent hash. */
export function hash32(parts: readonly number[], lane = 0): number {
  let h = mix32(GOLDEN + lane);
  for (const part of parts) {
    h = mix32(h ^ part);
    h = mix32(h + GOLDEN + Math.floor(part / 0x1_0000_0000));
  }
  return h;
}

/** Uniform draws that depend on `parts` alone. */
export class Draws {
  #first: number;
  #second: number;
  #count = 0;

  constructor(...parts: number[]) {
    this.#first = hash32(parts, 0);
    this.#second = hash32(parts, 1);
  }

  /** Uniform in [0, 1), 53 bits. */
  unit(): number {
    const step = Math.imul(++this.#count, GOLDEN);
    const high = mix32(this.#first + step);
    const low = mix32(this.#second ^ mix32(step + high));
    return (high * 0x20_0000 + (low >>> 11)) / 0x20_0000_0000_0000;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** Whole number, uniform in [0, count). */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }
}
