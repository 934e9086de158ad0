import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';

/** Names of each label, the main one first. */
export type Classes = readonly (readonly string[])[];

const namesFile = z.union([
  z.array(z.string()).min(1),
  z.array(z.object({ label: z.int().min(0), names: z.array(z.string()).min(1) })).min(1),
]);

/** @throws CoupletError when `names` is the path of a file without class names */
export function loadClasses(names: string[] | string | undefined): Classes | undefined {
  if (names === undefined) return undefined;
  if (typeof names !== 'string') return names.map((name) => [name]);
  const parsed = namesFile.safeParse(readJson(names));
  if (!parsed.success) {
    throw new CoupletError(
      `classNames: \`${names}\` has another form: ${z.prettifyError(parsed.error)}\n` +
        'Expected an array of strings, or of { "label": 0, "names": ["cat"] }.',
    );
  }
  return byLabel(parsed.data, names);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CoupletError(`classNames: \`${path}\` could not be read as JSON: ${(error as Error).message}`);
  }
}

function byLabel(entries: z.infer<typeof namesFile>, path: string): Classes {
  const classes: string[][] = [];
  entries.forEach((entry, index) => {
    if (typeof entry === 'string') classes[index] = [entry];
    else classes[entry.label] = entry.names;
  });
  for (let label = 0; label < classes.length; label++) {
    if (!classes[label])
      throw new CoupletError(
        `classNames: \`${path}\` has no entry for label ${label}. Give each label a name.`,
      );
  }
  return classes;
}

/** Turns a label of a data set (3, '3', 3n or 'cat') into a class number. */
export class LabelReader {
  readonly classes: Classes | undefined;
  readonly #numbers = new Map<string, number>();

  constructor(classes: Classes | undefined) {
    this.classes = classes;
    classes?.forEach((names, label) => {
      for (const name of names) this.#numbers.set(name, label);
    });
  }

  /** @returns the class; -1 for a word where no class has a name; undefined when `value` names no class */
  read(value: unknown): number | undefined {
    const text = typeof value === 'string' ? value.trim() : value;
    const named = typeof text === 'string' ? this.#numbers.get(text) : undefined;
    if (named !== undefined) return named;
    if (typeof text === 'string' && !/^\d+$/.test(text)) return this.classes ? undefined : -1;
    if (!['string', 'number', 'bigint'].includes(typeof text)) return undefined;
    const label = Number(text);
    const last = this.classes ? this.classes.length - 1 : 0x7fff_ffff;
    return Number.isInteger(label) && label >= 0 && label <= last ? label : undefined;
  }
}
