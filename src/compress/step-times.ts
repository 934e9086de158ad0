// What a step takes in seconds under each compression, measured beforehand (bench/step-times.ts).
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import type { Compression } from './compression.ts';

export const stepTimesSchema = z
  .array(
    z.strictObject({
      tokenDropout: z.number().min(0).lt(1).default(0).describe('of these steps'),
      patchSize: z.int().min(1).optional().describe("of these steps; default the model's own"),
      seconds: z.number().positive().describe('that one takes'),
    }),
  )
  .min(1);

export type StepTimes = z.output<typeof stepTimesSchema>;

/**
 * Seconds of a step. Throws a CoupletError when the table has no row for it.
 * @param options.own the model's own patch, @param options.name what the error calls the table
 */
export function secondsOf(
  { tokenDropout, patchSize }: Compression,
  times: StepTimes,
  { own, name = 'stepTimes' }: { own: number; name?: string },
): number {
  const found = times.find(
    (row) => row.tokenDropout === tokenDropout && (row.patchSize ?? own) === patchSize,
  );
  if (found) return found.seconds;
  throw new CoupletError(
    `${name} has no row for tokenDropout ${tokenDropout} and patchSize ${patchSize}: measure it too, or leave the table out.`,
  );
}
