import { readFileSync } from 'node:fs';
import { CoupletError } from '../errors.ts';

/** The content of a JSON file, unchecked. Throws a CoupletError that names the file when it cannot be read, or is not JSON. */
export function readJsonFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CoupletError(`${path} could not be read: ${(cause as Error).message}. Check the path.`, {
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CoupletError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
