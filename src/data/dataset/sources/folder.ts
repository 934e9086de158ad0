import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { systemCode, systemFailure } from '../../../io/system-error.ts';
import { NO_LABEL } from '../classes.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { defineSource, doesNotExist, pathOption, templatesOption } from '../source.ts';

const IMAGE = /\.(jpe?g|png|webp)$/i;
/** Folders that systems put beside pictures: copies of attributes, thumbnails, removed files. */
const NOT_OF_THE_DATA = /^(\.|__MACOSX$|@eaDir$|\$RECYCLE\.BIN$|System Volume Information$|lost\+found$)/;

/** Folders and pictures are sorted by code unit, as Python sorts. */
export const folder = defineSource({
  type: 'folder',
  summary: 'pictures in folders, one for each class',
  options: {
    path: pathOption.describe('folder of class folders (cat/1.jpg, dog/2.jpg), or of pictures'),
    labelled: z
      .boolean()
      .optional()
      .describe('whether sub-folders are classes; default true if there are any'),
    templates: templatesOption,
  },
  index({ path, labelled, templates }, writer): IndexedSource {
    const walk = new Walk(writer);
    const entries = walk.list(path);
    const folders = entries.filter(({ kind }) => kind === 'folder').map(({ name }) => name);
    const hasPictures = entries.some(({ kind }) => kind === 'picture');
    if (labelled === undefined && hasPictures && folders.length > 0)
      throw pictureBesideFolders(path, folders);
    if (labelled ?? folders.length > 0) return indexClasses(path, folders, walk);
    if (templates)
      throw new CoupletError(
        `\`${path}\` has no sub-folder per class, and templates make captions of class names. Leave templates out.`,
      );
    walk.addPictures(path, NO_LABEL);
    return { classes: undefined, captioned: false, labelled: false };
  },
});

function indexClasses(path: string, folders: readonly string[], walk: Walk): IndexedSource {
  if (folders.length === 0)
    throw new CoupletError(
      `\`${path}\` has no sub-folder: expected one sub-folder per class (cat/1.jpg, dog/2.jpg). ` +
        'For pictures without classes leave `labelled` out.',
    );
  walk.inside(path, () => {
    for (const [label, name] of folders.entries()) walk.addPictures(join(path, name), label);
  });
  return { classes: folders.map((name) => [name.replaceAll('_', ' ')]), captioned: false, labelled: true };
}

const pictureBesideFolders = (path: string, folders: readonly string[]) =>
  new CoupletError(
    `\`${path}\` has pictures beside its ${folders.length} sub-folders.\n` +
      'labelled: false takes all pictures below it, without classes.\n' +
      'labelled: true takes the sub-folders as classes and leaves those pictures out.',
  );

interface Entry {
  name: string;
  kind: 'folder' | 'picture' | 'other';
}

class Walk {
  readonly #writer: IndexWriter;
  /** Device and inode of the folders that the walk is in. */
  readonly #inside: string[] = [];

  constructor(writer: IndexWriter) {
    this.#writer = writer;
  }

  addPictures(folder: string, label: number): void {
    this.inside(folder, () => {
      for (const { name, kind } of this.list(folder)) {
        const path = join(folder, name);
        if (kind === 'folder') this.addPictures(path, label);
        else if (kind === 'other') this.#writer.leaveOut(path);
        else if (name.includes('\ufffd')) this.#writer.problems.add(path, 'its name is not UTF-8: rename it');
        else this.#writer.addFile(path, label);
      }
    });
  }

  /** Does not visit a folder that the walk is in already: links may go in circles. */
  inside(folder: string, visit: () => void): void {
    const { dev, ino } = statOf(folder)!;
    const key = `${dev}:${ino}`;
    if (this.#inside.includes(key)) {
      this.#writer.leaveOut(folder, 'a link to a folder that it is in');
      return;
    }
    this.#inside.push(key);
    visit();
    this.#inside.pop();
  }

  /** Sorted by name. */
  list(folder: string): Entry[] {
    return entriesOf(folder)
      .filter(({ name }) => !NOT_OF_THE_DATA.test(name))
      .map((entry) => ({ name: entry.name, kind: kindOf(folder, entry) }));
  }
}

/** A link to nothing is a picture that is missing. */
function kindOf(folder: string, entry: Dirent): Entry['kind'] {
  const isFolder = entry.isSymbolicLink()
    ? statOf(join(folder, entry.name))?.isDirectory()
    : entry.isDirectory();
  if (isFolder) return 'folder';
  return IMAGE.test(entry.name) ? 'picture' : 'other';
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw doesNotExist('folder', folder);
    if (code === 'ENOTDIR')
      throw new CoupletError(
        `\`${folder}\` is a file: expected a folder. Give the type of a table or shard, such as manifest, and its path.`,
      );
    throw systemFailure(error, 'Cannot read the folder', folder);
  }
}

/** Follows links, as torchvision does: people build subsets from links. @returns undefined for a link to nothing */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
