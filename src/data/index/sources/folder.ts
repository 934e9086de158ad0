import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CoupletError } from '../../../errors.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import type { FolderSource } from '../source.ts';

const IMAGE = /\.(jpe?g|png|webp)$/i;

/**
 * root/CLASS/**\/*.{jpg,jpeg,png,webp}. Classes are the folders, sorted by code unit as Python sorts them; files likewise, so ids are stable.
 * Without sub-folders, or when the source says so, pictures of no class.
 * @throws CoupletError when there is no such folder, no class where there should be, or no picture
 */
export function indexFolder(source: FolderSource, writer: IndexWriter): IndexedSource {
  const entries = list(source.path);
  const classes = entries.filter((entry) => isFolder(source.path, entry));
  refuseMixed(source, { pictures: entries.some(({ name }) => IMAGE.test(name)), classes: classes.length });
  const { labelled = classes.length > 0 } = source;
  if (!labelled) return indexPlain(source, writer);
  if (classes.length === 0) {
    throw new CoupletError(
      `folder source ${source.path}: expected one sub-folder per class (cat/1.jpg, dog/2.jpg), found none. ` +
        'For images without classes leave `labelled` out.',
    );
  }
  classes.forEach((entry, label) => {
    addImages(join(source.path, entry.name), label, writer);
  });
  const names = classes.map((entry) => [entry.name.replaceAll('_', ' ')]);
  const { templates } = source;
  return {
    name: `folder ${source.path}`,
    classes: names,
    captioned: false,
    labelled: true,
    templates,
    captionKey: '',
  };
}

/** Pictures beside sub-folders: nobody can tell whether the sub-folders are classes. */
function refuseMixed(
  { path, labelled }: FolderSource,
  { pictures, classes }: { pictures: boolean; classes: number },
): void {
  if (labelled !== undefined || !pictures || classes === 0) return;
  throw new CoupletError(
    `folder source ${path} has pictures beside its ${classes} sub-folders. Say labelled: false to take all pictures below it without classes, or labelled: true to take sub-folders as classes and leave those pictures out.`,
  );
}

/** No label: -1, as in every index. */
const NONE = -1;

function indexPlain({ path, templates }: FolderSource, writer: IndexWriter): IndexedSource {
  if (templates)
    throw new CoupletError(
      `folder source ${path}: templates make captions of class names, but there are none: expected one sub-folder per class.`,
    );
  addImages(path, NONE, writer);
  return {
    name: `folder ${path}`,
    classes: undefined,
    captioned: false,
    labelled: false,
    templates,
    captionKey: '',
  };
}

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
    throw new CoupletError(`folder source: ${folder} could not be listed: ${(error as Error).message}`);
  }
}

/** Links to folders are followed, as torchvision does: people build subsets of image folders from links. */
function isFolder(parent: string, entry: Dirent): boolean {
  if (entry.name.startsWith('.')) return false;
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(parent, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
