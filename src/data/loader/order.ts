import { hash32, mix32, purpose } from '../random.ts';

const ROUNDS = 6;

/**
 * Where position `index` of an epoch finds its sample: a keyed permutation of [0, count), in constant memory and constant time.
 *
 * A balanced Feistel network permutes the smallest even power of two (at least 256) that holds `count`; a value that falls outside
 * is permuted again until it falls inside (cycle walking; fewer than four rounds on average beyond 256 samples).
 *
 * @param index position in the epoch, in [0, count)
 * @param count samples in the data set, at most 2^52
 * @param key   seed and epoch: the order depends on these alone
 */
export function permute(index: number, count: number, key: { seed: number; epoch: number }): number {
  const bits = halfBits(count);
  const keys = roundKeys(key);
  let value = index;
  do value = feistel(value, bits, keys);
  while (value >= count);
  return value;
}

/** Sample at position `position` of the endless stream of epochs, and the epoch it falls in. */
export function sampleAt(position: number, count: number, seed: number): { epoch: number; index: number } {
  const epoch = Math.floor(position / count);
  return { epoch, index: permute(position - epoch * count, count, { seed, epoch }) };
}

/** After so many bad samples in a row a position is given up. */
export const ATTEMPTS = 64;

/**
 * The sample that is tried for a position of the stream: its own first (`attempt` 0), then, while samples are bad, others that depend
 * on the position and the attempt alone.
 */
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

/** The keys of one epoch are asked for once per sample, so the last ones are kept. */
function roundKeys({ seed, epoch }: { seed: number; epoch: number }): readonly number[] {
  if (lastKeys.seed !== seed || lastKeys.epoch !== epoch) {
    const keys = Array.from({ length: ROUNDS }, (_, round) => hash32([seed, epoch, purpose.order, round]));
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
