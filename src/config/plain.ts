import { CoupletError } from '../errors.ts';
import { joinPath } from './path.ts';

type Path = readonly (string | number)[];

function whatItIs(value: object): string {
  const maker = Object.getPrototypeOf(value)?.constructor?.name;
  return maker ? `an instance of ${maker}` : 'not a plain object';
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function walk(value: unknown, path: Path, parents: readonly unknown[]): string[] {
  const at = joinPath(path) || 'the config';
  if (['function', 'symbol', 'bigint'].includes(typeof value)) return [`${at} is a ${typeof value}`];
  if (typeof value !== 'object' || value === null) return [];
  if (parents.includes(value)) return [`${at} contains itself`];
  if (!Array.isArray(value) && !isPlainObject(value)) return [`${at} is ${whatItIs(value)}`];
  const inside = [...parents, value];
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  return [...keys].flatMap((key) =>
    walk((value as Record<string | number, unknown>)[key], [...path, key], inside),
  );
}

/**
 * Refuses what JSON cannot hold (functions, class instances, cycles), naming each by its path.
 * A run saves its config as JSON and must be able to start again from that file.
 */
export function assertPlainData(config: unknown): void {
  const problems = walk(config, [], []);
  if (problems.length === 0) return;
  throw new CoupletError(
    `A config is plain data (numbers, strings, booleans, arrays, objects), because a run saves it as JSON:\n${problems
      .map((problem) => `  ${problem}`)
      .join('\n')}`,
  );
}
