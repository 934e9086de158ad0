// Which classes of two data sets are the same.
import { type Dataset, listProblems } from '../data/index.ts';
import { CoupletError } from '../errors.ts';

interface Named {
  /** For errors: `evaluate.neighbours.data`, `--test`. */
  name: string;
  dataset: Dataset;
}

export interface MatchedClasses {
  /** With class numbers in [0, classes). */
  train: Dataset;
  test: Dataset;
  classes: number;
  /** Sentences about classes that only one of the two has. */
  notes: string[];
}

/**
 * Gives both data sets the same class numbers: by name where both name their classes, by number where both have numbers. Names that
 * spell numbers are numbers. Throws a CoupletError for missing labels, for one class only, for names on one side and numbers on the
 * other, for names that only `test` has, and for no number in common.
 */
export function matchClasses(train: Named, test: Named): MatchedClasses {
  for (const named of [train, test]) checkLabels(named);
  const [ours, theirs] = keysOfBoth(train, test);
  const [known, asked] = [present(train.dataset, ours), present(test.dataset, theirs)];
  if (known.size === 1)
    throw new CoupletError(
      `${train.name} has pictures of one class only (${listed(known)}): classification needs two or more.`,
    );
  const only = {
    train: [...known].filter((key) => !asked.has(key)),
    test: [...asked].filter((key) => !known.has(key)),
  };
  // A name may be spelled in two ways, a number may not.
  if (only.test.length > 0 && (ours.names || only.test.length === asked.size))
    throw new CoupletError(
      `${only.test.length} of ${asked.size} classes of ${test.name} have no picture in ${train.name}: ${listed(only.test)}.\n` +
        `${train.name} has ${listed(known)}. Give both the same classes, or leave those pictures out.`,
    );
  const keys = ours.names
    ? [...new Set([...ours.names.values(), ...theirs.names!.values()])]
    : inOrder(new Set([...known, ...asked]));
  const numbers = new Map(keys.map((key, number) => [key, number]));
  return {
    train: relabelled(train.dataset, ours, numbers),
    test: relabelled(test.dataset, theirs, numbers),
    classes: keys.length,
    notes: [
      ...oneSided(only.train, { total: known.size, here: train.name, there: test.name, effect: '' }),
      ...oneSided(only.test, {
        total: asked.size,
        here: test.name,
        there: train.name,
        effect: ', and count as misses',
      }),
    ],
  };
}

function oneSided(
  classes: readonly string[],
  { total, here, there, effect }: { total: number; here: string; there: string; effect: string },
): string[] {
  if (classes.length === 0) return [];
  return [
    `${classes.length} of ${total} classes of ${here} have no picture in ${there}${effect}: ${listed(classes)}`,
  ];
}

/** Throws a CoupletError where a picture has no label. */
export function checkLabels({ name, dataset }: Named): void {
  const { label } = dataset.index.columns;
  const missing = dataset.hasLabels ? label.filter((value) => value < 0).length : dataset.size;
  if (missing === 0) return;
  const { unlabelled } = dataset;
  const why = unlabelled.count > 0 ? `\n${listProblems(unlabelled)}` : '';
  const some =
    missing === dataset.size ? 'has no labels' : `has no label for ${missing} of ${dataset.size} pictures`;
  throw new CoupletError(
    `${name} ${some}: use a folder with one folder per class, or a source with a column of labels or .cls members.${why}`,
  );
}

/** What a class is called, whatever its number in one data set. */
interface Keys {
  /** By label; absent where classes are numbers. */
  names?: Map<number, string>;
  of(label: number): string;
}

function keysOfBoth(train: Named, test: Named): [Keys, Keys] {
  const [ours, theirs] = [keysOf(train.dataset), keysOf(test.dataset)];
  if (!ours.names && !theirs.names) return [ours, theirs];
  if (!ours.names || !theirs.names) throw namesAndNumbers(train, test);
  const sameList = JSON.stringify(train.dataset.classNames) === JSON.stringify(test.dataset.classNames);
  if (sameList) return [byPlace(ours.names), byPlace(theirs.names)]; // a list may have a name twice
  for (const [{ name }, { names }] of [
    [train, ours],
    [test, theirs],
  ] as const)
    refuseTwins(name, [...names!.values()]);
  return [ours, theirs];
}

const NUMBER = /^\d+$/;

function keysOf({ classNames }: Dataset): Keys {
  if (!classNames) return { of: String };
  const texts = classNames.map((name) => name.normalize('NFC').replaceAll('_', ' ').trim());
  const numbers = texts.every((text) => NUMBER.test(text)) ? texts.map((text) => String(BigInt(text))) : [];
  if (new Set(numbers).size === texts.length) return { of: (label) => numbers[label] };
  return withNames(new Map(texts.entries()));
}

const withNames = (names: Map<number, string>): Keys => ({ names, of: (label) => names.get(label)! });

const byPlace = (names: Map<number, string>): Keys =>
  withNames(new Map([...names].map(([label, name]) => [label, `${name} (class ${label})`])));

function refuseTwins(name: string, names: readonly string[]): void {
  const twin = names.find((each, label) => names.indexOf(each) < label);
  if (twin === undefined) return;
  throw new CoupletError(
    `${name} has two classes with the name ${twin}, and the other source lists its classes in another way: which is which is unclear. Give each class a name of its own, or both sources the same classNames.`,
  );
}

function namesAndNumbers(train: Named, test: Named): CoupletError {
  const [named, numbered] =
    train.dataset.classNames && keysOf(train.dataset).names ? [train, test] : [test, train];
  const keys = keysOf(numbered.dataset);
  return new CoupletError(
    `${named.name} names its classes (${listed(named.dataset.classNames!)}) and ${numbered.name} has numbers (${listed(inOrder(present(numbered.dataset, keys)))}): which is which is unclear.\n` +
      `Give ${numbered.name} classNames in the order of its numbers, or give both names or both numbers.`,
  );
}

/** Classes that have a picture. */
const present = ({ index }: Dataset, keys: Keys): Set<string> =>
  new Set([...new Set(index.columns.label)].map((label) => keys.of(label)));

const inOrder = (numbers: Iterable<string>): string[] =>
  [...numbers].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));

const LISTED = 5;

function listed(classes: Iterable<string>): string {
  const all = [...classes];
  const more = all.length - LISTED;
  return all.slice(0, LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function relabelled(dataset: Dataset, keys: Keys, numbers: ReadonlyMap<string, number>): Dataset {
  const { columns } = dataset.index;
  const numberOf = new Map([...new Set(columns.label)].map((label) => [label, numbers.get(keys.of(label))!]));
  if ([...numberOf].every(([label, number]) => label === number)) return dataset;
  const label = new Int32Array(new SharedArrayBuffer(columns.size * 4));
  for (const [row, value] of columns.label.entries()) label[row] = numberOf.get(value)!;
  return { ...dataset, index: { ...dataset.index, columns: { ...columns, label } } };
}
