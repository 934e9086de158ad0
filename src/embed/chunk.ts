import type { HostArray } from '../../native/native.d.ts';
import { BadSamples } from '../data/dataset/problems.ts';
import { FeatureRows } from '../evaluate/feature-rows.ts';
import type { NpyDtype } from '../io/npy.ts';
import { EMBED_FILES } from './record.ts';
import type { Row } from './row-lines.ts';

/** Pictures whose embeddings are copied from the device at once, so that it rarely waits for the host. */
const CHUNK_ROWS = 4096;

/** Bytes to append to each file, by its name. */
export interface Part {
  /** Samples of the source that are done after it, with rows or without. */
  samples: number;
  rows: number;
  skipped: number;
  files: ReadonlyMap<string, Uint8Array>;
  /** Of a row, by the name of its file. */
  shapes: Readonly<Record<string, readonly number[]>>;
}

/** Rows that are on the device still, and what the host knows of them. */
export class Chunk {
  readonly tables: { images: FeatureRows; texts: FeatureRows; patches?: FeatureRows };
  /** Samples that the loader could not read. */
  readonly problems: BadSamples;
  #rows: Row[] = [];
  #skipped: { id: number; name: string; reason: string }[] = [];
  readonly #capacity: number;
  readonly #nameOf: (id: number) => string;

  constructor({
    dtype,
    batch,
    patches,
    nameOf,
  }: { dtype: NpyDtype; batch: number; patches: boolean; nameOf: (id: number) => string }) {
    // Patch tokens of a picture are some hundred times its embedding.
    this.#capacity = patches ? batch : Math.max(1, Math.floor(CHUNK_ROWS / batch)) * batch;
    const table = () => new FeatureRows(this.#capacity, dtype);
    this.tables = { images: table(), texts: table(), ...(patches && { patches: table() }) };
    this.#nameOf = nameOf;
    const add = (id: number, name: string, reason: string) => this.#skipped.push({ id, name, reason });
    this.problems = new (class extends BadSamples {
      override addSample(id: number, name: string, reason: string): void {
        add(id, name, reason);
      }
    })();
  }

  get rows(): number {
    return this.#rows.length;
  }

  hasRoomFor(batch: number): boolean {
    return this.#rows.length + batch <= this.#capacity;
  }

  add(row: Row): void {
    this.#rows.push(row);
  }

  /** Waits for the device, and empties the chunk. Rows that are not finite are left out, and named. */
  take(samples: number): Part {
    const taken = this.#takeTables();
    const bad = new Map<number, string>();
    for (const [name, { data, width }] of taken)
      for (const row of rowsNotFinite(data, width))
        bad.set(row, bad.get(row) ?? `its ${CONTENT[name] ?? 'embedding'} has NaN or an infinity`);
    const rows = this.#rows.filter((_, row) => !bad.has(row));
    for (const [row, reason] of bad) {
      const { id } = this.#rows[row]!;
      this.#skipped.push({ id, name: this.#nameOf(id), reason });
    }
    const skipped = this.#skipped.toSorted((a, b) => a.id - b.id);
    const files = new Map([
      ...taken.map(({ 0: name, 1: table }) => [name, withoutRows(table, bad)] as const),
      [EMBED_FILES.rows, lines(rows)] as const,
      [EMBED_FILES.skipped, lines(skipped)] as const,
    ]);
    const shapes = Object.fromEntries(taken.map(([name, { shape }]) => [name, shape.slice(1)]));
    [this.#rows, this.#skipped] = [[], []];
    return { samples, rows: rows.length, skipped: skipped.length, files, shapes };
  }

  dispose(): void {
    for (const table of Object.values(this.tables)) table.dispose();
  }

  #takeTables(): [string, Taken][] {
    return Object.entries(this.tables).flatMap(([key, table]) => {
      if (table.count === 0) return [];
      const { data, shape } = table.take();
      const taken = { data, shape, width: data.length / shape[0]! };
      return [[EMBED_FILES[key as 'images' | 'texts' | 'patches'], taken] as [string, Taken]];
    });
  }
}

interface Taken {
  data: HostArray;
  shape: readonly number[];
  /** Numbers of a row. */
  width: number;
}

const CONTENT: Readonly<Record<string, string>> = {
  [EMBED_FILES.texts]: "caption's embedding",
  [EMBED_FILES.patches]: 'patch tokens',
};

function rowsNotFinite(data: HostArray, width: number): Set<number> {
  const rows = new Set<number>();
  // All bits of the exponent set: NaN or an infinity.
  const half = data instanceof Uint16Array;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (half ? (value & 0x7c00) === 0x7c00 : !Number.isFinite(value)) rows.add(Math.floor(i / width));
  }
  return rows;
}

function withoutRows({ data, width, shape }: Taken, bad: ReadonlyMap<number, string>): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bad.size === 0) return bytes;
  const rowBytes = width * data.BYTES_PER_ELEMENT;
  let place = 0;
  for (let row = 0; row < shape[0]!; row++)
    if (!bad.has(row)) bytes.copyWithin(place++ * rowBytes, row * rowBytes, (row + 1) * rowBytes);
  return bytes.subarray(0, place * rowBytes);
}

const lines = (values: readonly object[]): Uint8Array =>
  Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
