import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { imageIn } from '../data/dataset/columns.ts';
import { Reader } from '../data/dataset/reader.ts';
import type { Dataset } from '../data/index.ts';
import { isMachineFailure, systemFailure } from '../io/system-error.ts';

export interface DistinctPictures {
  /** Id of the first sample of each picture; they rise. */
  first: Float64Array;
  /** Picture of each sample. */
  of: Int32Array;
}

/**
 * Samples whose encoded pictures are equal byte by byte show one picture: rows of a table with the same path, links, copies in shards.
 * Reads only pictures whose size in bytes occurs twice. One that cannot be read is a picture of its own. Throws a CoupletError where
 * the machine fails.
 */
export function distinctPictures(dataset: Dataset): DistinctPictures {
  const reader = new Reader(dataset.index);
  try {
    return groupBy(keysOf(dataset, reader));
  } finally {
    reader.close();
  }
}

function groupBy(keys: readonly (string | number)[]): DistinctPictures {
  const numbers = new Map<string | number, number>();
  const first: number[] = [];
  const of = Int32Array.from(keys, (key, id) => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, first.length);
    return first.push(id) - 1;
  });
  return { first: Float64Array.from(first), of };
}

/** Equal for samples of one picture. */
function keysOf({ size, index }: Dataset, reader: Reader): (string | number)[] {
  const { kind, length } = index.columns;
  const placeOf = (id: number) => reader.name(id);
  const places = groupBy(Array.from({ length: size }, (_, id) => placeOf(id)));
  const bytes = Array.from(places.first, (id) =>
    (kind[id] & 15) === imageIn.file ? statSync(placeOf(id), { throwIfNoEntry: false })?.size : length[id],
  );
  const times = new Map<number | undefined, number>();
  for (const count of bytes) times.set(count, (times.get(count) ?? 0) + 1);
  const keys = Array.from(places.first, (id, place) =>
    times.get(bytes[place]) === 1 ? place : (hashOf(id, reader) ?? place),
  );
  return Array.from(places.of, (place) => keys[place]);
}

function hashOf(id: number, reader: Reader): string | undefined {
  try {
    return createHash('sha256').update(reader.image(id)).digest('base64');
  } catch (error) {
    if (isMachineFailure(error)) throw systemFailure(error, 'Cannot read', reader.name(id));
    return undefined;
  }
}
