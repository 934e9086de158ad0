import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';

/** The classes of a source: for each label its names, the first of which is the class's name. */
export type Classes = readonly (readonly string[])[];

const namesFile = z.union([
  z.array(z.string()).min(1),
  z.array(z.object({ label: z.int().min(0), names: z.array(z.string()).min(1) })).min(1),
]);

/** Class names as given in a source: the names themselves, or the path of a JSON file. */
export function loadClasses(given: string[] | string | undefined): Classes | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'string') return given.map((name) => [name]);
  const parsed = namesFile.safeParse(readJson(given));
  if (!parsed.success) {
    throw new CoupletError(
      `classNames: ${given} should hold an array of strings, or of { "label": 0, "names": ["cat"] }; ` +
        `it does not: ${z.prettifyError(parsed.error)}`,
    );
  }
  return byLabel(parsed.data, given);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CoupletError(`classNames: ${path} could not be read as JSON: ${(error as Error).message}`);
  }
}

function byLabel(entries: z.infer<typeof namesFile>, path: string): Classes {
  const classes: string[][] = [];
  entries.forEach((entry, place) => {
    if (typeof entry === 'string') classes[place] = [entry];
    else classes[entry.label] = entry.names;
  });
  for (let label = 0; label < classes.length; label++) {
    if (!classes[label]) throw new CoupletError(`classNames: ${path} has no entry for label ${label}.`);
  }
  return classes;
}

/** Turns what a data set holds as a label (3, '3', 3n or 'cat') into a class number. */
export class LabelReader {
  readonly classes: Classes | undefined;
  readonly #numbers = new Map<string, number>();

  constructor(classes: Classes | undefined) {
    this.classes = classes;
    classes?.forEach((names, label) => {
      for (const name of names) this.#numbers.set(name, label);
    });
  }

  /** @returns the class; -1 for a word when no classes were given, which is then no label; undefined when `value` names none */
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
