/**
 * An error that a person can cause and mend: bad config, bad data, a missing file.
 * The message names the thing, what was expected, what came, and the next move; the command line prints it without a stack.
 */
export class CoupletError extends Error {
  override name = 'CoupletError';
}

/** Runs `body`, then `cleanUp`, also after an error: then that error is thrown, and none of the clean-up, which may follow from it. */
export async function withCleanUp<T>(body: () => T | Promise<T>, cleanUp: () => unknown): Promise<T> {
  let result: T;
  try {
    result = await body();
  } catch (error) {
    await Promise.resolve()
      .then(cleanUp)
      .catch(() => undefined);
    throw error;
  }
  await cleanUp();
  return result;
}

/** Runs all actions, also after one failed; then throws the first error. */
export function runAll(actions: readonly (() => void)[]): void {
  const failures: unknown[] = [];
  for (const action of actions) {
    try {
      action();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
