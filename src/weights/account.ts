import { CoupletError } from '../errors.ts';
import type { Correspondence } from './correspondence.ts';
import type { FoundWeights } from './find.ts';
import type { OurVit } from './layouts/tables.ts';

const MOST_SHOWN = 6;

/**
 * The correspondences that a file has, after every one of its tensors is accounted for. Throws a CoupletError that lists tensors which are
 * missing, unexpected or of another shape.
 */
export function checkedTable(
  { files, layout, model, path, title }: FoundWeights,
  ours: OurVit,
): { table: Correspondence[]; leftOut: string[] } {
  const problems: string[] = [];
  const known = new Set<string>();
  const table: Correspondence[] = [];
  for (const entry of layout.table(model, ours)) {
    const stored = entry.theirs.flatMap(({ name, shape }) => (name === null ? [] : [{ name, shape }]));
    if (entry.optional && stored.some(({ name }) => !files.tensors.has(name))) continue;
    for (const { name, shape } of stored) {
      known.add(name);
      const actual = files.tensors.get(name)?.shape;
      if (!actual) problems.push(`${name} is missing`);
      else if (!fits(actual, shape)) problems.push(`${name} is [${actual}], expected [${shape}]`);
    }
    table.push(entry);
  }
  const leftOut = new Map<string, number>();
  for (const name of files.tensors.keys()) {
    if (known.has(name)) continue;
    const reason = layout.leftOut.find(({ names }) => names.test(name));
    if (reason) leftOut.set(reason.what, (leftOut.get(reason.what) ?? 0) + 1);
    else problems.push(`${name} is unexpected`);
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, MOST_SHOWN).map((problem) => `  ${problem}`);
    const more = problems.length - shown.length;
    throw new CoupletError(
      `model.from: ${path} looks like ${title}, but ${problems.length} of its tensors do not fit, and nothing is loaded:\n${shown.join('\n')}${more > 0 ? `\n  and ${more} more` : ''}`,
    );
  }
  const count = (tensors: number) => (tensors === 1 ? '1 tensor' : `${tensors} tensors`);
  return { table, leftOut: [...leftOut].map(([what, tensors]) => `${what} is left out (${count(tensors)})`) };
}

/** A scalar may have one dimension. */
const fits = (actual: readonly number[], expected: readonly number[]) =>
  actual.length === expected.length
    ? actual.every((size, axis) => size === expected[axis])
    : isScalar(actual) && isScalar(expected);

const isScalar = (shape: readonly number[]) => shape.every((size) => size === 1);
