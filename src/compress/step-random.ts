import { hash32 } from '../data/random.ts';
import { Generator, rand, type Tensor } from '../torch/index.ts';

/** Rows of a random table, which each step and view has for the global batch. */
export interface StepRows {
  seed: number;
  step: number;
  view: number;
  rows: { first: number; total: number };
  count: number;
  device: string;
}

/** Other numbers than in data/random.ts and views/draws.ts. */
export const purpose = { tokens: 64, paths: 65 } as const;

/** Seeded for each table, so that checkpoints need no stream state. */
const streams = new Map<string, Generator>();

/**
 * Uniform in [0, 1), float64 [count, columns]. Depends on (seed, step, view, purpose) and the kind of device only: not on ranks,
 * parts of a batch or a resume.
 */
export function stepRandom(stepRows: StepRows, columns: number, purpose: number): Tensor {
  const { seed, step, view, rows, count, device } = stepRows;
  if (rows.first < 0 || rows.first + count > rows.total)
    throw new RangeError(
      `rows ${rows.first} to ${rows.first + count} are not in a global batch of ${rows.total}`,
    );
  const stream = streams.get(device) ?? new Generator(device, 0);
  streams.set(device, stream);
  stream.seed(hash32([seed, step, view, purpose]));
  return rand([rows.total, columns], stream, 'float64').narrow(0, rows.first, count);
}
