/**
 * An error that a person can cause and mend: bad config, bad data, a missing file.
 * The message names the thing, what was expected, what came, and the next move; the command line prints it without a stack.
 */
export class CoupletError extends Error {
  override name = 'CoupletError';
}
