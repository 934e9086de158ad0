/**
 * Randomness without state: every draw is a hash of what it is for. A crop depends on (seed, epoch, id, view, purpose) and on nothing
 * else, so neither the number of workers nor the step at which a run was resumed can change it.
 */

/** What a draw is for, so that two draws about one sample are independent. */
export const purpose = { order: 1, crop: 2, flip: 3, template: 4, replacement: 5, caption: 6 } as const;

const GOLDEN = 0x9e3779b9;

/** Murmur3's finalizer: every input bit moves every output bit. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hashes non-negative safe integers, in order, to 32 bits. `lane` gives independent hashes of the same parts. */
export function hash32(parts: readonly number[], lane = 0): number {
  let h = mix32(GOLDEN + lane);
  for (const part of parts) {
    h = mix32(h ^ part);
    h = mix32(h + GOLDEN + Math.floor(part / 0x1_0000_0000));
  }
  return h;
}

/** A short sequence of uniform draws that depends on `parts` alone. */
export class Draws {
  #first: number;
  #second: number;
  #count = 0;

  constructor(...parts: number[]) {
    this.#first = hash32(parts, 0);
    this.#second = hash32(parts, 1);
  }

  /** The next draw, uniform in [0, 1), 53 bits. */
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

  /** A whole number, uniform in [0, count). */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }
}
