// The one way in for JSON that Couplet did not make in this very process: bounded, and checked by a schema.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { explain } from './schema-problems.ts';
import { systemFailure } from './system-error.ts';

const MAX_BYTES = 64 * 2 ** 20;
/** Code that walks a value calls itself once a level. */
const MAX_DEPTH = 100;
/** A wrong value costs memory for its error. */
const MAX_VALUES = 500_000;
const MAX_PROBLEMS = 5;

/** For errors: where the text is from, as `a.json` or `a.jsonl:7`, and what to do. */
export interface JsonPlace {
  where: string;
  todo: string;
  /** Keys are names that the file may choose, `__proto__` too. */
  anyKeys?: boolean;
  /** Default 500,000. */
  maxValues?: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true }); // drops a byte order mark

/**
 * The content of a JSON file.
 * @param todo what to do about a wrong file, a sentence
 * @throws CoupletError with path, key, what was expected and what to do: also for a folder, a file of over 64 MiB, and nesting of over 100 levels
 */
export function readJsonFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  todo = 'Check the path.',
  bounds: Pick<JsonPlace, 'anyKeys' | 'maxValues'> = {},
): z.output<Schema> {
  const place = { where: path, todo, ...bounds };
  return checkJson(parseJson(readText(path, place), place), schema, place);
}

function readText(path: string, place: JsonPlace): Uint8Array {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a named pipe would block
    try {
      const stat = fstatSync(descriptor);
      if (stat.isFile() && stat.size > MAX_BYTES)
        throw wrong(place, `has ${stat.size} bytes: expected JSON of at most ${MAX_BYTES}`);
      if (!stat.isFile() && !stat.isDirectory())
        throw wrong(place, 'is a device or a pipe: expected a JSON file');
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw systemFailure(error, 'Cannot read', path);
  }
}

/** Parses text that is bounded in depth and in number of values, without a `__proto__`. Throws a CoupletError. */
export function parseJson(content: string | Uint8Array, place: JsonPlace): unknown {
  const text = typeof content === 'string' ? content : decoded(content, place);
  if (text.trim() === '') throw wrong(place, 'is empty: expected JSON');
  refuseBomb(text, place);
  const value = parsed(text, place);
  if (!place.anyKeys && /__proto__|\\u/.test(text) && hasPrototypeKey(value))
    throw wrong(place, 'has a key `__proto__`: expected none');
  return value;
}

/** Checks a parsed value. Throws a CoupletError that lists the first wrong keys. */
export function checkJson<Schema extends z.ZodType>(
  value: unknown,
  schema: Schema,
  place: JsonPlace,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, MAX_PROBLEMS);
  const problems = explain(issues, { schema, config: value, whole: 'the whole' });
  if (problems.length === 1) throw new CoupletError(`${place.where}: ${problems[0]}. ${place.todo}`);
  throw new CoupletError(
    `${place.where} is damaged or of another kind:\n${problems.map((line) => `  ${line}`).join('\n')}\n${place.todo}`,
  );
}

const wrong = ({ where, todo }: JsonPlace, what: string): CoupletError =>
  new CoupletError(`${where} ${what}. ${todo}`);

function decoded(bytes: Uint8Array, place: JsonPlace): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw wrong(place, 'is not UTF-8 text: expected JSON');
  }
}

function parsed(text: string, place: JsonPlace): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message quotes the text, whose control characters a terminal would obey.
    throw wrong(place, `is not JSON: ${(error as Error).message.replace(/\p{Cc}/gu, '?')}`);
  }
}

function refuseBomb(text: string, place: JsonPlace): void {
  const { maxValues = MAX_VALUES } = place;
  let depth = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) i = endOfString(text, i);
    else if (code === 0x2c) values++;
    else if (code === 0x5b || code === 0x7b) depth++;
    else if (code === 0x5d || code === 0x7d) depth--;
    if (depth > MAX_DEPTH) throw wrong(place, `is nested more than ${MAX_DEPTH} levels deep`);
    if (values > maxValues) throw wrong(place, `has more than ${maxValues} values`);
  }
}

/** Index of the closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text[first - 1] === '\\') first--;
    if ((end - first) % 2 === 0) return end;
  }
  return text.length;
}

function hasPrototypeKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasPrototypeKey);
}
