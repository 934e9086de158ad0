import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoupletError } from '../errors.ts';
import { writeFolderAtomically } from '../io/atomic.ts';
import type { LoadedRun } from '../run/load-run.ts';
import { int8File, toInt8Rows } from './int8.ts';
import { FILES, type PageFacts, type PageFile, ROWS_PER_FILE, rowsFile } from './layout.ts';
import { pageHtml } from './page-html.ts';
import { writeParts } from './parts.ts';
import type { PagePictures } from './pictures.ts';
import { rowTexts } from './row-texts.ts';
import { writeThumbnails } from './thumbnails.ts';
import { writeTowers } from './towers.ts';

export interface PageOptions {
  readonly title: string;
  readonly pictures: PagePictures;
  /** Whose towers encode words and pictures in the browser. */
  readonly run: LoadedRun;
  /** Thumbnails that are done. */
  readonly onProgress?: (done: number) => void;
}

export interface WrittenPage {
  readonly facts: PageFacts;
  /** Rows whose picture could not be read, with the reason. */
  readonly unreadable: ReadonlyMap<number, string>;
  /** What a person should know about the models. */
  readonly remarks: readonly string[];
}

/**
 * Writes a folder that any file host serves: a page that searches pictures by words and by a picture (docs/search.md). The folder is
 * whole or absent. Throws a CoupletError where `out` exists, for a model that a browser cannot run, and for errors of the system.
 */
export async function writeSearchPage(out: string, options: PageOptions): Promise<WrittenPage> {
  refuseExisting(out);
  let written: WrittenPage | undefined;
  await writeFolderAtomically(out, async (folder) => {
    written = await fill(folder, options);
  });
  return written!;
}

/** Throws a CoupletError where `out` exists. */
export function refuseExisting(out: string): void {
  if (existsSync(out))
    throw new CoupletError(`${out} exists. Give the page a folder of its own, or remove this one.`);
}

async function fill(folder: string, { title, pictures, run, onProgress }: PageOptions): Promise<WrittenPage> {
  const engine = await writeParts(folder);
  const { remarks, ...towers } = await writeTowers(folder, run, pictures);
  const vectors = await writeVectors(folder, pictures);
  const unreadable = await writeThumbnails(folder, pictures, onProgress ?? (() => undefined));
  await writeRows(folder, pictures);
  const facts: PageFacts = {
    count: pictures.rows.length,
    dim: pictures.dim,
    unreadable: [...unreadable.keys()],
    vectors,
    engine,
    ...towers,
  };
  await writeFile(join(folder, FILES.facts), JSON.stringify(facts));
  await writeFile(join(folder, FILES.html), pageHtml(facts, title));
  return { facts, unreadable, remarks };
}

async function writeVectors(folder: string, { vectors, dim }: PagePictures): Promise<PageFile> {
  const bytes = int8File(toInt8Rows(vectors, dim));
  await writeFile(join(folder, FILES.vectors), bytes);
  return { file: FILES.vectors, bytes: bytes.length };
}

async function writeRows(folder: string, { rows }: PagePictures): Promise<void> {
  const texts = rowTexts(rows);
  await mkdir(join(folder, 'rows'));
  for (let part = 0; part * ROWS_PER_FILE < texts.length; part++) {
    const some = texts.slice(part * ROWS_PER_FILE, (part + 1) * ROWS_PER_FILE);
    await writeFile(join(folder, rowsFile(part)), JSON.stringify(some));
  }
}
