import { writeFileSync } from 'node:fs';
import { CoupletError } from '../errors.ts';
import { systemFailure } from '../io/system-error.ts';
import { isOutOfMemory } from '../torch/errors.ts';

/** Prints an error of the user or of the machine as a sentence, a defect of Couplet with its stack. Sets the exit code to 1. */
export function fail(error: unknown): void {
  process.exitCode = 1;
  const failure = isOutOfMemory(error) || isArrayTooLarge(error) ? outOfMemory(error) : systemFailure(error);
  writeTorchrunFile(failure);
  if (failure instanceof CoupletError) {
    console.error(`couplet: ${failure.message}`);
    return;
  }
  console.error(stackOf(failure));
  console.error(
    'couplet: this is a defect of Couplet. Please report it, with the lines above and `couplet doctor`.',
  );
}

const isArrayTooLarge = (error: unknown): error is RangeError =>
  error instanceof RangeError && /Array buffer allocation failed/.test(error.message);

/** Keeps libtorch's sizes, and drops its advice and its list of processes. */
function outOfMemory({ message }: Error): CoupletError {
  const [sizes] = message.split(/(?<=free\.|bytes\.) |\n/);
  return new CoupletError(
    [
      `out of memory: ${sizes}`,
      '  End other programs that use this memory, and go on from the last checkpoint with --resume latest.',
      '  Or use less. In training: raise batch.gradAccumSteps (the numbers stay the same), or lower batch.globalBatchSize and give another --name.',
      '  In an analysis: lower --sub-batch.',
    ].join('\n'),
  );
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Writes the cause for torchrun's summary, in the format of PyTorch's `ErrorHandler.record_exception`. */
function writeTorchrunFile(error: unknown, file = process.env.TORCHELASTIC_ERROR_FILE): void {
  if (!file) return;
  const cause = error instanceof CoupletError ? error.message : stackOf(error);
  const timestamp = String(Math.floor(Date.now() / 1000));
  const message = { message: cause, extraInfo: { py_callstack: cause, timestamp } };
  try {
    writeFileSync(file, JSON.stringify({ message }));
  } catch {
    // torchrun's folder is gone; stderr has the cause too.
  }
}
