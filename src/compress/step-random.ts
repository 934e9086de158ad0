import { hash32 } from '../data/random.ts';
import { Generator, rand, type Tensor } from '../torch/index.ts';

/** Which rows of which random table: one of each step and view, drawn for the whole global batch. */
export interface StepRows {
  seed: number;
  step: number;
  /** Views of one sample are independent. */
  view: number;
  /** Where these rows are in the global batch. */
  rows: { first: number; total: number };
  /** How many rows there are here. */
  count: number;
  device: string;
}

/** What a table is for; apart from the purposes of data/random.ts and views/draws.ts. */
export const purpose = { tokens: 64, paths: 65 } as const;

/** One stream a device, seeded anew for each table: nothing of it needs to be saved. */
const streams = new Map<string, Generator>();

/**
 * Uniform numbers in [0, 1), float64 [count, columns]: rows of a table that depends on (seed, step, view, purpose) and the kind of
 * device alone, so that they are the same whatever the ranks and parts, and after a resume.
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
