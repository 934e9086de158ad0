// Measured by bench/step-times.ts.
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import type { Compression } from './compression.ts';

export const stepTimesSchema = z
  .array(
    z.strictObject({
      tokenDropout: z.number().min(0).lt(1).default(0).describe('dropped share of patch tokens; default 0'),
      patchSize: z.int().min(1).optional().describe("side of a patch in pixels; default the model's own"),
      seconds: z.number().positive().describe('seconds per step'),
    }),
  )
  .min(1);

export type StepTimes = z.output<typeof stepTimesSchema>;

/**
 * Throws a CoupletError when the table has no row for the compression.
 * @param options.name of the table, for errors
 */
export function secondsOf(
  { tokenDropout, patchSize }: Compression,
  times: StepTimes,
  { ownPatchSize, name = 'stepTimes' }: { ownPatchSize: number; name?: string },
): number {
  const row = times.find(
    (each) => each.tokenDropout === tokenDropout && (each.patchSize ?? ownPatchSize) === patchSize,
  );
  if (row) return row.seconds;
  throw new CoupletError(
    `${name} has no row for tokenDropout ${tokenDropout} and patchSize ${patchSize}: measure it too, or leave the table out.`,
  );
}
