import { hash32, mix32, purpose } from '../random.ts';

const FEISTEL_ROUNDS = 6;

/**
 * Keyed permutation of [0, count), in constant memory and time: the order of an epoch. A balanced Feistel network on a power of
 * four, repeated while the value is not below `count` (cycle walking).
 * @param count at most 2^52
 */
export function permute(index: number, count: number, key: { seed: number; epoch: number }): number {
  const bits = halfBits(count);
  const keys = roundKeys(key);
  let value = index;
  do value = feistel(value, bits, keys);
  while (value >= count);
  return value;
}

/** @param position in the endless stream of epochs */
export function sampleAt(position: number, count: number, seed: number): { epoch: number; index: number } {
  const epoch = Math.floor(position / count);
  return { epoch, index: permute(position - epoch * count, count, { seed, epoch }) };
}

/** Bad samples in a row after which a position is given up. */
export const ATTEMPTS = 64;

/** Sample to try for a position of the stream: its own at `attempt` 0, then replacements. */
export function candidateAt(
  position: number,
  attempt: number,
  { count, seed }: { count: number; seed: number },
): { epoch: number; id: number } {
  const { epoch, index } = sampleAt(position, count, seed);
  if (attempt === 0) return { epoch, id: index };
  const start = hash32([seed, epoch, position, purpose.replacement]) % count;
  const id = permute((start + attempt) % count, count, { seed, epoch: epoch + 0x1_0000_0000 });
  return { epoch, id };
}

function halfBits(count: number): number {
  let bits = 4;
  for (let size = 256; size < count; size *= 4) bits++;
  return bits;
}

let lastKeys = { seed: -1, epoch: -1, keys: [] as number[] };

/** Cached: every sample of an epoch needs the same keys. */
function roundKeys({ seed, epoch }: { seed: number; epoch: number }): readonly number[] {
  if (lastKeys.seed !== seed || lastKeys.epoch !== epoch) {
    const keys = Array.from({ length: FEISTEL_ROUNDS }, (_, round) =>
      hash32([seed, epoch, purpose.order, round]),
    );
    lastKeys = { seed, epoch, keys };
  }
  return lastKeys.keys;
}

function feistel(value: number, bits: number, keys: readonly number[]): number {
  const half = 2 ** bits;
  let left = Math.floor(value / half);
  let right = value % half;
  for (const key of keys) {
    const next = (left ^ mix32(mix32(right + 0x9e3779b9) ^ key)) & (half - 1);
    left = right;
    right = next;
  }
  return left * half + right;
}
