import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { defineSource, doesNotExist, pathOption, templatesOption } from '../source.ts';

const IMAGE = /\.(jpe?g|png|webp)$/i;
const NO_LABEL = -1;

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
    const entries = list(path);
    const folders = entries.filter((entry) => isFolder(path, entry)).map(({ name }) => name);
    const hasPictures = entries.some(({ name }) => IMAGE.test(name));
    if (labelled === undefined && hasPictures && folders.length > 0)
      throw pictureBesideFolders(path, folders);
    if (labelled ?? folders.length > 0) return indexClasses(path, folders, writer);
    if (templates)
      throw new CoupletError(
        `\`${path}\` has no sub-folder per class, and templates make captions of class names. Leave templates out.`,
      );
    addImages(path, NO_LABEL, writer);
    return { classes: undefined, captioned: false, labelled: false };
  },
});

function indexClasses(path: string, folders: readonly string[], writer: IndexWriter): IndexedSource {
  if (folders.length === 0)
    throw new CoupletError(
      `\`${path}\` has no sub-folder: expected one sub-folder per class (cat/1.jpg, dog/2.jpg). ` +
        'For pictures without classes leave `labelled` out.',
    );
  for (const [label, name] of folders.entries()) addImages(join(path, name), label, writer);
  return { classes: folders.map((name) => [name.replaceAll('_', ' ')]), captioned: false, labelled: true };
}

const pictureBesideFolders = (path: string, folders: readonly string[]) =>
  new CoupletError(
    `\`${path}\` has pictures beside its ${folders.length} sub-folders.\n` +
      'labelled: false takes all pictures below it, without classes.\n' +
      'labelled: true takes the sub-folders as classes and leaves those pictures out.',
  );

function addImages(folder: string, label: number, writer: IndexWriter): void {
  for (const entry of list(folder)) {
    if (isFolder(folder, entry)) addImages(join(folder, entry.name), label, writer);
    else if (IMAGE.test(entry.name)) writer.addFile(join(folder, entry.name), label);
  }
}

function list(folder: string): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw doesNotExist('folder', folder);
    throw new CoupletError(`\`${folder}\` is not a folder that can be read (${message}).`);
  }
}

/** Follows links to folders, as torchvision does: people build subsets from links. */
function isFolder(parent: string, entry: Dirent): boolean {
  if (entry.name.startsWith('.')) return false;
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(parent, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
