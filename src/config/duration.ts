import { z } from 'zod';
import { CoupletError } from '../errors.ts';

/** A number of steps. `epochs` and `samples` count over all ranks; `epochs` may be a fraction. */
export type Duration = { steps: number } | { epochs: number } | { samples: number };
export type PartDuration = Duration | { share: number };

const UNITS = ['steps', 'epochs', 'samples'] as const;

/** @param least 'none' allows a length of zero, as for a warm-up. */
const durationOf = (least: 'some' | 'none') => {
  const whole = z.number().int();
  const real = z.number();
  return [
    z.strictObject({ steps: (least === 'some' ? whole.min(1) : whole.min(0)).describe('optimizer steps') }),
    z.strictObject({
      epochs: (least === 'some' ? real.positive() : real.min(0)).describe('passes over the data'),
    }),
    z.strictObject({
      samples: (least === 'some' ? whole.min(1) : whole.min(0)).describe('samples seen by all ranks'),
    }),
  ] as const;
};

const share = z.number().max(1);
const shareOf = (schema: z.ZodNumber) => z.strictObject({ share: schema.describe('share of the whole run') });

export const budgetSchema = z.union([
  ...durationOf('some'),
  z.strictObject({
    forwards: z
      .number()
      .positive()
      .describe('forward passes of a whole sequence; a backward pass counts as two'),
  }),
  z.strictObject({ seconds: z.number().positive().describe('seconds of training, without evaluations') }),
]);
export const durationSchema = z.union([...durationOf('some'), shareOf(share.positive())]);
export const durationOrNoneSchema = z.union([...durationOf('none'), shareOf(share.min(0))]);

export interface DurationContext {
  globalBatchSize: number;
  datasetSize: number;
  /** Config path for errors: `schedule.warmup`. */
  path?: string;
}

/**
 * Optimizer steps of a duration, rounded down. Batches may cross the end of an epoch: an epoch is
 * `datasetSize / globalBatchSize` steps. Throws a CoupletError for a batch larger than the data, and for less than one step.
 */
export function durationToSteps(duration: Duration, context: DurationContext): number {
  const { globalBatchSize, datasetSize, path = 'duration' } = context;
  if (globalBatchSize > datasetSize) {
    throw new CoupletError(
      `batch.globalBatchSize is ${globalBatchSize}, more than the ${datasetSize} samples of the data: expected at most ${datasetSize}.`,
    );
  }
  const unit = UNITS.find((name) => name in duration)!;
  const amount = (duration as Record<string, number>)[unit]!;
  if (amount === 0) return 0;
  const stepsOf = { steps: 1, epochs: datasetSize / globalBatchSize, samples: 1 / globalBatchSize };
  // 0.1 epochs of 30 steps are 3, though 0.1 * 30 may be just below in binary.
  const steps = Math.floor(amount * stepsOf[unit] * (1 + 1e-12));
  if (steps >= 1) return steps;
  throw new CoupletError(
    `${path} is { ${unit}: ${amount} }, less than one step: a step is ${globalBatchSize} of ${datasetSize} samples, so expected ` +
      `at least { steps: 1 }, { samples: ${globalBatchSize} } or { epochs: ${globalBatchSize / datasetSize} }.`,
  );
}
