import { hash32 } from '../data/random.ts';
import { Generator, rand, type Tensor } from '../torch/index.ts';

/** Rows of a random table. There is one table for each step and view, drawn for the whole global batch. */
export interface StepRows {
  seed: number;
  step: number;
  view: number;
  /** Place of these rows in the global batch. */
  rows: { first: number; total: number };
  count: number;
  device: string;
}

/** Other numbers than in data/random.ts and views/draws.ts. */
export const purpose = { tokens: 64, paths: 65 } as const;

/** One stream a device, seeded again for each table, so that a checkpoint needs none of it. */
const streams = new Map<string, Generator>();

/**
 * Uniform numbers in [0, 1), float64 [count, columns]. They depend on (seed, step, view, purpose) and the kind of device alone: ranks,
 * parts of a batch and a resume change nothing.
 */
export function stepRandom(at: StepRows, columns: number, purpose: number): Tensor {
  const { seed, step, view, rows, count, device } = at;
  if (rows.first < 0 || rows.first + count > rows.total)
    throw new RangeError(
      `rows ${rows.first} to ${rows.first + count} are not in a global batch of ${rows.total}`,
    );
  const stream = streams.get(device) ?? new Generator(device, 0);
  streams.set(device, stream);
  stream.seed(hash32([seed, step, view, purpose]));
  return rand([rows.total, columns], stream, 'float64').narrow(0, rows.first, count);
}
