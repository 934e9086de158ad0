import { inspect } from 'node:util';
import type { z } from 'zod';
import { nearest } from '../io/suggest.ts';
import { RENAMED } from './migrate.ts';
import { joinPath, valueAt } from './path.ts';
import { allPaths, descriptionAt, isOneKeyEach, keysAt, objectsAt } from './shape.ts';

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** One thing that is wrong with a config, and what it is about. */
interface Problem {
  text: string;
  /** The path that is absent, for an absent key. */
  missing?: string;
  /** The path that was probably meant, for an unknown key. */
  meant?: string | undefined;
}

/** What the sentences are made from: the whole schema, and the config as it was given. */
export interface Checked {
  schema: z.core.$ZodType;
  config: unknown;
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

/** A value as a person would write it, in at most 60 letters. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 4 });
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** An unknown key: its name of today, a near miss at that place first, then the same or a similar word elsewhere in the config. */
export function unknownKey(path: Path, { schema, config }: Checked): Problem {
  const parent = path.slice(0, -1);
  const now = RENAMED.get(joinPath(path));
  if (now) return { text: `${joinPath(path)} is now ${now}`, meant: now };
  const key = String(path.at(-1));
  const keys = keysAt(schema, parent, config);
  const here = nearest(key, keys);
  const meant = here === undefined ? elsewhere(path, schema) : [...parent, here];
  const text = `${joinPath(path)} is not known; ${meant ? `did you mean ${joinPath(meant)}?` : `expected ${orList(keys)}`}`;
  return { text, meant: meant && joinPath(meant) };
}

/** The one other place of the config where that word, or one near it, belongs. */
function elsewhere(path: Path, schema: z.core.$ZodType): Path | undefined {
  const paths = allPaths(schema);
  const word = nearest(String(path.at(-1)), [...new Set(paths.map((other) => String(other.at(-1))))]);
  const places = paths.filter((other) => other.at(-1) === word);
  const different = new Set(places.map(joinPath)).size;
  return word !== undefined && different === 1 && joinPath(places[0]!) !== joinPath(path)
    ? places[0]
    : undefined;
}

/** What an issue says was expected, as alternatives; undefined when it is not about the kind or the choice of value. */
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

/** `path: expected X, got Y`, with the choice that was probably meant and what the field is. */
function mismatch(path: Path, expected: readonly string[], checked: Checked): Problem {
  const at = joinPath(path) || 'the config';
  const value = valueAt(checked.config, path);
  const about = descriptionAt(checked.schema, path, checked.config);
  const note = about ? ` (${about})` : '';
  if (value === undefined)
    return { text: `${at} is missing: expected ${orList(expected)}${note}`, missing: at };
  const choices = expected.filter((word) => word.startsWith("'")).map((word) => word.slice(1, -1));
  const meant = typeof value === 'string' ? nearest(value, choices) : undefined;
  const hint = meant === undefined ? note : `; did you mean '${meant}'?`;
  return { text: `${at}: expected ${orList(expected)}, got ${show(value)}${hint}` };
}

const atTop = (issue: Issue) => issue.path.length === 0 && expectations(issue) !== undefined;
const within = (issue: Issue, path: Path): Issue => ({ ...issue, path: [...path, ...issue.path] }) as Issue;

/** A value that fits none of several schemas: the one of its own kind says what is wrong with it. */
function unionProblems(issue: Issue & { code: 'invalid_union' }, checked: Checked): Problem[] {
  const { path } = issue;
  if ('options' in issue && issue.options) {
    const choices = issue.options.filter((choice) => choice !== undefined); // a default is a choice that was not made
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
  const fewest = branches.reduce((best, issues) => (issues.length < best.length ? issues : best));
  return fewest.flatMap((inner) => problemsOf(within(inner, path), checked));
}

/** A duration: one known unit, and only one. */
function unitProblems(
  path: Path,
  units: readonly string[],
  { branches, checked }: { branches: readonly Issue[][]; checked: Checked },
): Problem[] {
  const given = Object.keys(valueAt(checked.config, path) as object);
  const unknown = given.filter((key) => !units.includes(key));
  if (unknown.length > 0) return unknown.map((key) => unknownKey([...path, key], checked));
  if (given.length === 1) {
    const own = branches.find((issues) => !issues.some((inner) => inner.code === 'unrecognized_keys'));
    return (own ?? []).flatMap((inner) => problemsOf(within(inner, path), checked));
  }
  return [
    {
      text: `${joinPath(path)}: expected exactly one of ${orList(units)}, got ${given.join(' and ') || 'none'}`,
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
  const at = joinPath(issue.path) || 'the config';
  const got = /, got /.test(issue.message) ? '' : `, got ${show(valueAt(checked.config, issue.path))}`;
  return [{ text: `${at}: ${issue.message}${got}` }];
}

/**
 * Sentences for all that a schema found wrong with a config, in the order found.
 * A required key that is absent because its name was misspelt is mentioned once, under the name that was written.
 */
export function explain(issues: readonly Issue[], checked: Checked): string[] {
  const problems = issues.flatMap((issue) => problemsOf(issue, checked));
  const meant = new Set(problems.map((problem) => problem.meant));
  const kept = problems.filter((problem) => problem.missing === undefined || !meant.has(problem.missing));
  return [...new Set(kept.map((problem) => problem.text))];
}
