import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';

/** Names of each label, the main one first. */
export type Classes = readonly (readonly string[])[];

const namesFile = z.union([
  z.array(z.string()).min(1),
  z.array(z.object({ label: z.int().min(0), names: z.array(z.string()).min(1) })).min(1),
]);

/** Labels are 32-bit numbers in the index. */
export const LARGEST_LABEL = 0x7fff_ffff;
export const NO_LABEL = -1;

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
    else {
      if (classes[entry.label] || entry.label >= entries.length)
        throw new CoupletError(
          `classNames: \`${path}\` has ${entries.length} entries, and one of label ${entry.label}: expected each label from 0 on once.`,
        );
      classes[entry.label] = entry.names;
    }
  });
  for (let label = 0; label < classes.length; label++) {
    if (!classes[label])
      throw new CoupletError(
        `classNames: \`${path}\` has no entry for label ${label}. Give each label a name.`,
      );
  }
  return classes;
}
