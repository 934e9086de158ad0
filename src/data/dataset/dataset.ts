import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../../errors.ts';
import { agreeOnClasses, captionOf, captionRules, lacksCaption, UnreadableCaption } from './captions.ts';
import { type Classes, NO_LABEL } from './classes.ts';
import { captionIn } from './columns.ts';
import type { DatasetIndex } from './dataset-index.ts';
import { type IndexedSource, IndexWriter } from './index-writer.ts';
import type { LeftOut } from './left-out.ts';
import { listProblems, type ProblemLog, type Problems } from './problems.ts';
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
  /** Samples whose label cannot be read: they have none. */
  readonly unlabelled: Problems;
  /** Samples without a caption of any kind, where others have one. */
  readonly uncaptioned: Problems;
  /** Files that are no samples, by kind. */
  readonly leftOut: readonly LeftOut[];
  readonly index: DatasetIndex;
  /** Some pictures lie in a temporary folder of this process. */
  readonly unpacked: boolean;
  /** One of each sample, in index order, without those that have none. */
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
    removeQuietly(spool);
    if (error instanceof CoupletError) throw new CoupletError(`${key}: ${error.message}`);
    throw error;
  }
}

/** After an error, which an error of the removal must not hide. */
function removeQuietly(spool: Spool): void {
  try {
    spool.remove();
  } catch {
    // The folder is temporary.
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
  const classes = agreedClasses(sources, writer);
  const rules = sources.map((source) => {
    const captionKey = (source.captioned && source.captionKey) || '';
    return captionRules(source.start, { ...source, captionKey, classes });
  });
  const index = { columns: writer.columns.finish(), containers: writer.containers, rules };
  const hasCaptions = sources.every(
    ({ captioned, labelled }, source) => captioned || (labelled && rules[source]!.classes !== undefined),
  );
  if (hasCaptions) findUncaptioned(index, writer.uncaptioned);
  return {
    size: index.columns.size,
    classNames: classes?.map(([name]) => name!),
    hasCaptions,
    hasLabels: sources.some(({ labelled }) => labelled),
    problems: writer.problems,
    unlabelled: writer.unlabelled,
    uncaptioned: writer.uncaptioned,
    leftOut: writer.leftOut,
    index,
    unpacked: spool.used,
    captions: (limit) => captions(index, limit),
    close: () => spool.remove(),
  };
}

/** Sources with captions of their own do not need classes: where theirs differ, labels are lost, and the run goes on. */
function agreedClasses(sources: readonly PlacedSource[], writer: IndexWriter): Classes | undefined {
  try {
    return agreeOnClasses(sources);
  } catch (error) {
    if (!sources.every(({ captioned }) => captioned)) throw error;
    writer.columns.relabel(0, () => NO_LABEL);
    writer.unlabelled.add('all samples', (error as Error).message, writer.columns.size);
    return undefined;
  }
}

/** The count becomes that of all samples that the index knows to have no caption. */
function findUncaptioned(index: DatasetIndex, log: ProblemLog): void {
  const { size, kind } = index.columns;
  const reader = new Reader(index);
  log.count = 0;
  for (let id = 0; id < size; id++) {
    const place = kind[id]! >> 4;
    if (place === captionIn.arena || place === captionIn.arenaList) continue;
    if (place === captionIn.unreadable)
      log.count++; // listed when it was read
    else if (lacksCaption(id, reader.captionSource(id)))
      log.add(reader.name(id), 'its caption is empty or missing');
  }
}

async function* captions(index: DatasetIndex, limit = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
  const reader = new Reader(index);
  let yielded = 0;
  try {
    for (let id = 0; id < index.columns.size && yielded < limit; id++) {
      const caption = readableCaption(id, reader);
      if (caption === undefined) continue;
      yielded++;
      yield caption;
    }
  } finally {
    reader.close();
  }
}

function readableCaption(id: number, reader: Reader): string | undefined {
  try {
    return captionOf(id, reader.captionSource(id), { seed: 0, epoch: 0 });
  } catch (error) {
    if (error instanceof UnreadableCaption) return undefined;
    throw error;
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
