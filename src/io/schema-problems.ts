import { inspect } from 'node:util';
import type { z } from 'zod';
import { joinPath, valueAt } from './key-path.ts';
import { allPaths, descriptionAt, isOneKeyEach, keysAt, objectsAt } from './schema-shape.ts';
import { nearest } from './suggest.ts';

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

interface Problem {
  text: string;
  /** Path of an absent key. */
  missing?: string;
  /** Path that an unknown key probably means. */
  meant?: string | undefined;
}

export interface Checked {
  schema: z.core.$ZodType;
  config: unknown;
  /** What the empty path is called; default `the config`. */
  whole?: string;
  /** Old path -> new path. */
  renamed?: ReadonlyMap<string, string>;
}

const KINDS: Record<string, string> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a string',
  boolean: 'true or false',
  array: 'an array',
  tuple: 'an array',
  object: 'an object',
};

/** `a, b or c`. */
function orList(words: readonly string[]): string {
  const unique = [...new Set(words)];
  const last = unique.pop() ?? 'nothing';
  return unique.length > 0 ? `${unique.join(', ')} or ${last}` : last;
}

/** At most 60 letters. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 4 });
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Proposes the key's new name, else a similar key here, else one elsewhere in the config. */
export function unknownKey(path: Path, { schema, config, renamed }: Checked): Problem {
  const parent = path.slice(0, -1);
  const now = renamed?.get(joinPath(path));
  if (now) return { text: `${joinPath(path)} is now ${now}`, meant: now };
  const key = String(path.at(-1));
  const keys = keysAt(schema, parent, config);
  const here = nearest(key, keys);
  const meant = here === undefined ? elsewhere(path, schema) : [...parent, here];
  const text = `${joinPath(path)} is not known; ${meant ? `did you mean ${joinPath(meant)}?` : `expected ${orList(keys)}`}`;
  return { text, meant: meant && joinPath(meant) };
}

/** The only other path that ends in this or a similar key. */
function elsewhere(path: Path, schema: z.core.$ZodType): Path | undefined {
  const paths = allPaths(schema);
  const word = nearest(String(path.at(-1)), [...new Set(paths.map((other) => String(other.at(-1))))]);
  const places = paths.filter((other) => other.at(-1) === word);
  const different = new Set(places.map(joinPath)).size;
  return word !== undefined && different === 1 && joinPath(places[0]!) !== joinPath(path)
    ? places[0]
    : undefined;
}

/** Alternatives; undefined when the issue is not about a value's kind or choice. */
function expectations(issue: Issue): string[] | undefined {
  if (issue.code === 'invalid_type') return [KINDS[issue.expected] ?? `a ${issue.expected}`];
  if (issue.code === 'invalid_value') return issue.values.map((value) => show(value));
  return undefined;
}

function range(issue: Issue): string | undefined {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return undefined;
  const small = issue.code === 'too_small';
  const limit = Number(small ? issue.minimum : issue.maximum);
  const noun = issue.origin === 'string' ? 'letter' : issue.origin === 'array' ? 'item' : undefined;
  const unit = noun ? ` ${noun}${limit === 1 ? '' : 's'}` : '';
  if (issue.exact) return `exactly ${limit}${unit}`;
  const words = issue.inclusive ? ['at least', 'at most'] : ['more than', 'less than'];
  return `${words[small ? 0 : 1]} ${limit}${unit}`;
}

/** `path: expected X, got Y`, with the nearest choice or the field's description. */
function mismatch(path: Path, expected: readonly string[], checked: Checked): Problem {
  const where = joinPath(path) || (checked.whole ?? 'the config');
  const value = valueAt(checked.config, path);
  const about = descriptionAt(checked.schema, path, checked.config);
  const note = about ? ` (${about})` : '';
  if (value === undefined)
    return { text: `${where} is missing: expected ${orList(expected)}${note}`, missing: where };
  const choices = expected.filter((word) => word.startsWith("'")).map((word) => word.slice(1, -1));
  const meant = typeof value === 'string' ? nearest(value, choices) : undefined;
  const hint = meant === undefined ? note : `; did you mean '${meant}'?`;
  return { text: `${where}: expected ${orList(expected)}, got ${show(value)}${hint}` };
}

const atTop = (issue: Issue) => issue.path.length === 0 && expectations(issue) !== undefined;
const within = (issue: Issue, path: Path): Issue => ({ ...issue, path: [...path, ...issue.path] }) as Issue;

/** A value that fits no schema of a union: the nearest one gives the problems. */
function unionProblems(issue: Issue & { code: 'invalid_union' }, checked: Checked): Problem[] {
  const { path } = issue;
  if ('options' in issue && issue.options) {
    const choices = issue.options.filter((choice) => choice !== undefined); // undefined: no choice, so the default
    return [mismatch(path, choices.map(show), checked)];
  }
  const objects = objectsAt(checked.schema, path, checked.config);
  const units = isOneKeyEach(objects)
    ? objects.flatMap(({ properties }) => Object.keys(properties))
    : undefined;
  const branches = issue.errors.filter((issues) => !issues.some(atTop));
  if (branches.length === 0) {
    const kinds = issue.errors.flatMap((issues) => issues.flatMap((inner) => expectations(inner) ?? []));
    return [mismatch(path, units?.map((unit) => `{ ${unit} }`) ?? kinds, checked)];
  }
  if (branches.length > 1 && units) return unitProblems(path, units, { branches, checked });
  const nearestBranch = branches.reduce((best, issues) => (issues.length < best.length ? issues : best));
  return nearestBranch.flatMap((inner) => problemsOf(within(inner, path), checked));
}

/** A duration: one known unit, and only one. */
function unitProblems(
  path: Path,
  units: readonly string[],
  { branches, checked }: { branches: readonly Issue[][]; checked: Checked },
): Problem[] {
  const keys = Object.keys(valueAt(checked.config, path) as object);
  const unknown = keys.filter((key) => !units.includes(key));
  if (unknown.length > 0) return unknown.map((key) => unknownKey([...path, key], checked));
  if (keys.length === 1) {
    const branch = branches.find((issues) => !issues.some((inner) => inner.code === 'unrecognized_keys'));
    return (branch ?? []).flatMap((inner) => problemsOf(within(inner, path), checked));
  }
  return [
    {
      text: `${joinPath(path)}: expected exactly one of ${orList(units)}, got ${keys.join(' and ') || 'none'}`,
    },
  ];
}

function problemsOf(issue: Issue, checked: Checked): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...issue.path, key], checked));
  }
  if (issue.code === 'invalid_union') return unionProblems(issue, checked);
  const expected = expectations(issue) ?? [range(issue)].filter((word) => word !== undefined);
  if (expected.length > 0) return [mismatch(issue.path, expected, checked)];
  const where = joinPath(issue.path) || (checked.whole ?? 'the config');
  const got = /, got /.test(issue.message) ? '' : `, got ${show(valueAt(checked.config, issue.path))}`;
  return [{ text: `${where}: ${issue.message}${got}` }];
}

/** A sentence for each problem. A misspelt required key is mentioned once, as it was written. */
export function explain(issues: readonly Issue[], checked: Checked): string[] {
  const problems = issues.flatMap((issue) => problemsOf(issue, checked));
  const meant = new Set(problems.map((problem) => problem.meant));
  const kept = problems.filter((problem) => problem.missing === undefined || !meant.has(problem.missing));
  return [...new Set(kept.map((problem) => problem.text))];
}
