import type { Columns } from '../data/dataset/columns.ts';
import { type Dataset, openDataset, type SourceConfig, type SourceInput } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { Generator } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

export type Sources = SourceInput | SourceConfig | readonly (SourceInput | SourceConfig)[];

export interface NamedSources {
  /** For errors: `evaluate.neighbours.data`, `--test`. */
  name: string;
  sources: Sources;
}

/** Two data sets with the same classes. */
export interface LabelledPair {
  train: Dataset;
  test: Dataset;
  classes: number;
  close(): void;
}

export interface PairOptions {
  train: NamedSources;
  test: NamedSources;
  /** Number of training pictures, drawn by the seed; default all. */
  samples?: number;
  seed: number;
}

/** Throws a CoupletError for missing labels, a single class, or different classes of the two. */
export async function openPair({ train, test, samples, seed }: PairOptions): Promise<LabelledPair> {
  if (JSON.stringify([train.sources].flat()) === JSON.stringify([test.sources].flat()))
    throw new CoupletError(
      `${train.name} and ${test.name} are the same pictures: accuracy needs held-out ones. Give ${test.name} another source.`,
    );
  const opened: Dataset[] = [];
  const close = () => {
    for (const dataset of opened) dataset.close();
  };
  try {
    for (const { sources } of [train, test])
      opened.push(await openDataset([sources].flat() as SourceInput[]));
    const [whole, heldOut] = opened;
    const classes = checkClasses({ name: train.name, dataset: whole }, { name: test.name, dataset: heldOut });
    const drawn = samples === undefined ? whole : drawSample(whole, { count: samples, seed });
    return { train: drawn, test: heldOut, classes, close };
  } catch (error) {
    close();
    throw error;
  }
}

interface Named {
  name: string;
  dataset: Dataset;
}

/** Returns the number of classes. */
function checkClasses(train: Named, test: Named): number {
  for (const named of [train, test]) checkLabels(named);
  const labels = train.dataset.index.columns.label;
  if (labels.every((label) => label === labels[0]))
    throw new CoupletError(
      `${train.name} has pictures of one class only${nameOf(train.dataset, labels[0])}: classification needs two or more.`,
    );
  const [ours, theirs] = [train.dataset.classNames, test.dataset.classNames];
  if (ours && theirs)
    checkSameNames({ name: train.name, classNames: ours }, { name: test.name, classNames: theirs });
  return Math.max(
    ours?.length ?? 0,
    theirs?.length ?? 0,
    1 + highest(labels),
    1 + highest(test.dataset.index.columns.label),
  );
}

function checkLabels({ name, dataset }: Named): void {
  const { label } = dataset.index.columns;
  const missing = dataset.hasLabels ? label.filter((value) => value < 0).length : dataset.size;
  if (missing === 0) return;
  const some =
    missing === dataset.size ? 'has no labels' : `has no label for ${missing} of ${dataset.size} pictures`;
  throw new CoupletError(
    `${name} ${some}: use a folder with one folder per class, or a source with a column of labels or .cls members.`,
  );
}

function checkSameNames(
  a: { name: string; classNames: readonly string[] },
  b: { name: string; classNames: readonly string[] },
): void {
  const count = Math.max(a.classNames.length, b.classNames.length);
  for (let label = 0; label < count; label++) {
    const [ours, theirs] = [a.classNames[label], b.classNames[label]];
    if (ours === theirs) continue;
    throw new CoupletError(
      `${a.name} and ${b.name} have different classes: class ${label} is ${ours ?? 'missing'} in ${a.name} and ${theirs ?? 'missing'} in ${b.name}. Give both the same class folders or classNames.`,
    );
  }
}

const nameOf = ({ classNames }: Dataset, label: number) => (classNames ? ` (${classNames[label]})` : '');

const highest = (labels: Int32Array) => labels.reduce((most, label) => Math.max(most, label), -1);

/** A random part in index order, the same for a seed on every machine. Ids are positions in the part. */
export function drawSample(dataset: Dataset, { count, seed }: { count: number; seed: number }): Dataset {
  if (count >= dataset.size) return dataset;
  const order = ops.randperm_generator(dataset.size, new Generator('cpu', seed), 'int64');
  const ids = Float64Array.from(order.toNumbers().slice(0, count)).sort();
  order.dispose();
  const { columns, rules } = dataset.index;
  const part = { ...pickRows(columns, ids), arena: columns.arena, size: count };
  const starts = rules.map((rule) => ({ ...rule, start: ids.filter((id) => id < rule.start).length }));
  return { ...dataset, size: count, index: { ...dataset.index, columns: part, rules: starts } };
}

type RowColumns = Omit<Columns, 'size' | 'arena'>;

function pickRows(columns: Columns, ids: Float64Array): RowColumns {
  const { size: _, arena: __, ...perRow } = columns;
  const picked = Object.entries(perRow).map(([name, column]) => [name, pick(column, ids)]);
  return Object.fromEntries(picked) as RowColumns;
}

/** In shared memory, as all columns are. */
function pick(column: RowColumns[keyof RowColumns], ids: Float64Array): RowColumns[keyof RowColumns] {
  const Column = column.constructor as new (buffer: SharedArrayBuffer) => typeof column;
  const picked = new Column(new SharedArrayBuffer(ids.length * column.BYTES_PER_ELEMENT));
  ids.forEach((id, row) => {
    picked[row] = column[id];
  });
  return picked;
}
