import { type Dataset, openDataset, type SourceConfig, type SourceInput } from '../data/index.ts';
import { CoupletError } from '../errors.ts';
import { Generator } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { matchClasses } from './classes.ts';
import { partOf } from './part.ts';

export type Sources = SourceInput | SourceConfig | readonly (SourceInput | SourceConfig)[];

export interface NamedSources {
  /** For errors: `evaluate.neighbours.data`, `--test`. */
  name: string;
  sources: Sources;
}

/** Two data sets with the same class numbers, whatever their sources call the classes. */
export interface LabelledPair {
  train: Dataset;
  test: Dataset;
  classes: number;
  /** For errors and notes. */
  names: { train: string; test: string };
  /** Sentences about classes that only one of the two has. */
  notes: readonly string[];
  close(): void;
}

export interface PairOptions {
  train: NamedSources;
  test: NamedSources;
  /** Number of training pictures, drawn by the seed; default all. */
  samples?: number;
  seed: number;
}

/** Throws a CoupletError for missing labels, a single class, or classes that do not match. */
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
    for (const { name, sources } of [train, test])
      opened.push(await openDataset([sources].flat() as SourceInput[], { key: name }));
    const [whole, heldOut] = opened;
    const matched = matchClasses({ name: train.name, dataset: whole }, { name: test.name, dataset: heldOut });
    const drawn = samples === undefined ? matched.train : drawSample(matched.train, { count: samples, seed });
    return { ...matched, train: drawn, names: { train: train.name, test: test.name }, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** A random part in index order, the same for a seed on every machine. Ids are positions in the part. */
export function drawSample(dataset: Dataset, { count, seed }: { count: number; seed: number }): Dataset {
  if (count >= dataset.size) return dataset;
  const order = ops.randperm_generator(dataset.size, new Generator('cpu', seed), 'int64');
  const ids = Float64Array.from(order.toNumbers().slice(0, count)).sort();
  order.dispose();
  return partOf(dataset, ids);
}
