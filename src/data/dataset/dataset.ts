import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { agreeOnClasses, captionOf, captionRules } from './captions.ts';
import type { DatasetIndex } from './dataset-index.ts';
import { type IndexedSource, IndexWriter } from './index-writer.ts';
import { listProblems, type Problems } from './problems.ts';
import { Reader } from './reader.ts';
import {
  type SourceConfig,
  type SourceInput,
  sources as sourceKinds,
  sourceSchema,
} from './sources/index.ts';

/** All samples of all sources. A sample's id is its position here. */
export interface Dataset {
  readonly size: number;
  /** In label order. */
  readonly classNames: string[] | undefined;
  readonly hasCaptions: boolean;
  readonly hasLabels: boolean;
  /** Samples left out while indexing. */
  readonly problems: Problems;
  readonly index: DatasetIndex;
  /** Some pictures lie in a temporary folder of this process. */
  readonly unpacked: boolean;
  /** In index order, without samples that have none. */
  captions(limit?: number): AsyncGenerator<string>;
  /** Removes the temporary folder. */
  close(): void;
}

export interface DatasetOptions {
  /** Parent of the folder for images of compressed parquet files; default: the system's temporary folder. */
  spoolFolder?: string;
  /** Key of the config, for errors. */
  key?: string;
}

/** `start` is the id of its first sample. */
type PlacedSource = IndexedSource & { start: number; name: string; templates: readonly string[] | undefined };

/**
 * Indexes the sources in order. Reads names, headers and captions, no images.
 * @throws CoupletError when a source is invalid or cannot be opened, classes differ, or there is no sample
 */
export async function openDataset(
  sources: readonly SourceInput[],
  { spoolFolder = tmpdir(), key = 'data' }: DatasetOptions = {},
): Promise<Dataset> {
  const parsed = z.array(sourceSchema).min(1).safeParse(sources);
  if (!parsed.success) throw new CoupletError(`${key}: ${z.prettifyError(parsed.error)}`);
  const spool = new Spool(spoolFolder);
  const writer = new IndexWriter(() => spool.folder());
  const indexed: PlacedSource[] = [];
  try {
    for (const source of parsed.data) {
      const start = writer.columns.size;
      const name = `${source.type} ${[source.path].flat().join(', ')}`;
      indexed.push({ start, name, templates: source.templates, ...(await indexSource(source, writer)) });
    }
    if (writer.columns.size === 0) throw noSamples(indexed, writer.problems);
    return makeDataset(writer, indexed, spool);
  } catch (error) {
    spool.remove();
    if (error instanceof CoupletError) throw new CoupletError(`${key}: ${error.message}`);
    throw error;
  }
}

function indexSource(source: SourceConfig, writer: IndexWriter): IndexedSource | Promise<IndexedSource> {
  const { index } = sourceKinds.find(({ type }) => type === source.type)!;
  return (index as (source: SourceConfig, writer: IndexWriter) => ReturnType<typeof index>)(source, writer);
}

function noSamples(sources: readonly PlacedSource[], problems: Problems): CoupletError {
  const names = sources.map(({ name }) => name).join('; ');
  const why = problems.count > 0 ? `\n${listProblems(problems)}` : '';
  return new CoupletError(
    `no sample found in ${names}: expected images (jpg, jpeg, png, webp). ${problems.count} could not be used.${why}`,
  );
}

function makeDataset(writer: IndexWriter, sources: readonly PlacedSource[], spool: Spool): Dataset {
  const classes = agreeOnClasses(sources);
  const rules = sources.map((source) => {
    const captionKey = (source.captioned && source.captionKey) || '';
    return captionRules(source.start, { ...source, captionKey, classes });
  });
  const index = { columns: writer.columns.finish(), containers: writer.containers, rules };
  return {
    size: index.columns.size,
    classNames: classes?.map(([name]) => name!),
    hasCaptions: sources.every(({ captioned, labelled }) => captioned || (labelled && classes !== undefined)),
    hasLabels: sources.some(({ labelled }) => labelled),
    problems: writer.problems,
    index,
    unpacked: spool.used,
    captions: (limit) => captions(index, limit),
    close: () => spool.remove(),
  };
}

async function* captions(index: DatasetIndex, limit = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
  const reader = new Reader(index);
  let yielded = 0;
  try {
    for (let id = 0; id < index.columns.size && yielded < limit; id++) {
      const caption = captionOf(id, reader.captionSource(id), { seed: 0, epoch: 0 });
      if (caption === undefined) continue;
      yielded++;
      yield caption;
    }
  } finally {
    reader.close();
  }
}

/** A temporary folder, made on first use. */
class Spool {
  readonly #parent: string;
  #folder: string | undefined;
  readonly #remove = (): void => this.remove();

  constructor(parent: string) {
    this.#parent = parent;
  }

  get used(): boolean {
    return this.#folder !== undefined;
  }

  folder(): string {
    if (this.#folder) return this.#folder;
    this.#folder = mkdtempSync(join(this.#parent, 'couplet-'));
    process.once('exit', this.#remove);
    return this.#folder;
  }

  remove(): void {
    process.off('exit', this.#remove);
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
