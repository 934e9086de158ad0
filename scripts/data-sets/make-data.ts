// `scripts/make-data NAME`: builds a data set from what a person can download.
import { CoupletError } from '../../src/errors.ts';
import { makeData } from './command.ts';

await makeData(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof CoupletError)) throw error;
  console.error(`make-data: ${error.message}`);
  process.exitCode = 1;
});
