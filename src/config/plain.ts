import { CoupletError } from '../errors.ts';
import { joinPath } from '../io/key-path.ts';

/** Functions that walk a config call themselves once a level. */
const MAX_DEPTH = 100;

type Path = readonly (string | number)[];

function nameOf(value: object): string {
  const maker = Object.getPrototypeOf(value)?.constructor?.name;
  return maker ? `an instance of ${maker}` : 'not a plain object';
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function walk(value: unknown, path: Path, parents: readonly unknown[]): string[] {
  const where = joinPath(path) || 'the config';
  if (['function', 'symbol', 'bigint'].includes(typeof value)) return [`${where} is a ${typeof value}`];
  if (typeof value !== 'object' || value === null) return [];
  if (parents.length > MAX_DEPTH) return [`${path[0]} is nested more than ${MAX_DEPTH} levels deep`];
  if (parents.includes(value)) return [`${where} contains itself`];
  if (!Array.isArray(value) && !isPlainObject(value)) return [`${where} is ${nameOf(value)}`];
  const inside = [...parents, value];
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  return [...keys].flatMap((key) =>
    walk((value as Record<string | number, unknown>)[key], [...path, key], inside),
  );
}

/** Throws a CoupletError that lists the paths of functions, class instances and cycles: a run saves its config as JSON. */
export function assertPlainData(config: unknown): void {
  const problems = walk(config, [], []);
  if (problems.length === 0) return;
  throw new CoupletError(
    `A config is plain data (numbers, strings, booleans, arrays, objects), because a run saves it as JSON:\n${problems
      .map((problem) => `  ${problem}`)
      .join('\n')}`,
  );
}
