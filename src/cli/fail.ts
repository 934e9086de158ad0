import { writeFileSync } from 'node:fs';
import { CoupletError } from '../errors.ts';
import { isOutOfMemory } from '../torch/errors.ts';

/** What a person can mend is told in its own words; all else is ours, and comes with its stack. Sets the exit code to 1. */
export function fail(error: unknown): void {
  process.exitCode = 1;
  const told = isOutOfMemory(error) ? outOfMemory(error) : error;
  tellTorchrun(told);
  if (told instanceof CoupletError) {
    console.error(`couplet: ${told.message}`);
    return;
  }
  console.error(stackOf(told));
  console.error(
    'couplet: this is a defect of Couplet. Please report it, with the lines above and `couplet doctor`.',
  );
}

/** libtorch tells what it asked for and what there was; its advice, and the list of processes, are left out. */
function outOfMemory({ message }: Error): CoupletError {
  const [told] = message.split(/(?<=free\.|bytes\.) |\n/);
  return new CoupletError(
    `out of memory. End what else needs the device's memory, and go on from the last checkpoint with --resume latest; or need less: in training set batch.gradAccumSteps, which cuts a batch into parts with the same numbers, or a smaller batch.globalBatchSize (with another --name), in an analysis --sub-batch. libtorch says: ${told}`,
  );
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The file of which torchrun's summary takes the cause, as PyTorch's ErrorHandler.record_exception writes it. */
function tellTorchrun(error: unknown, file = process.env.TORCHELASTIC_ERROR_FILE): void {
  if (!file) return;
  const cause = error instanceof CoupletError ? error.message : stackOf(error);
  const timestamp = String(Math.floor(Date.now() / 1000));
  const message = { message: cause, extraInfo: { py_callstack: cause, timestamp } };
  try {
    writeFileSync(file, JSON.stringify({ message }));
  } catch {
    // The launcher's folder is gone; the cause is told on stderr as well.
  }
}
