import { CoupletError } from '../errors.ts';

/** What a person can mend is told in its own words; all else is ours, and comes with its stack. Sets the exit code to 1. */
export function fail(error: unknown): void {
  process.exitCode = 1;
  if (error instanceof CoupletError) {
    console.error(`couplet: ${error.message}`);
    return;
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  console.error(
    'couplet: this is a defect of Couplet. Please report it, with the lines above and `couplet doctor`.',
  );
}
