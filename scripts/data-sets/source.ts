import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { TarFile, tarMembers } from '../../src/data/dataset/tar.ts';
import { CoupletError } from '../../src/errors.ts';
import { zipEntries } from './zip.ts';

/** The files of an archive or a folder. Nothing is unpacked under the names that an archive gives. */
export interface Source {
  /** Paths with `/`, from the top, and how to read each. */
  files: ReadonlyMap<string, () => Buffer>;
  close(): void;
}

/**
 * Opens a .zip, .tar, .tar.gz, .tgz, or a folder. `top` is the name of the folder inside of the archive: it is taken off.
 * @throws CoupletError when it cannot be read, or holds a path that leaves the archive
 */
export async function openSource(from: string, top: string): Promise<Source> {
  const { files, close } = await readable(from, () => opened(from));
  const inside = new Map<string, () => Buffer>();
  for (const [path, read] of files) {
    checkPath(path, from);
    const short = path.replace(/^\.\//, '');
    inside.set(short.startsWith(`${top}/`) ? short.slice(top.length + 1) : short, read);
  }
  return { files: inside, close };
}

interface Opened {
  files: [path: string, read: () => Buffer][];
  close(): void;
}

const nothing = () => {};

async function opened(from: string): Promise<Opened> {
  if (statSync(from).isDirectory()) return { files: folderFiles(from), close: nothing };
  if (/\.zip$/i.test(from)) return { files: [...zipEntries(readFileSync(from))], close: nothing };
  if (/\.tar$/i.test(from)) return tarFiles(from, nothing);
  if (/\.(tar\.gz|tgz)$/i.test(from)) return gzippedTar(from);
  throw new CoupletError(`${from} is no folder, .zip, .tar or .tar.gz: give one of these.`);
}

/** Tells which archive it was that could not be read. */
async function readable<T>(from: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof CoupletError) throw error;
    throw new CoupletError(`${from} could not be read: ${(error as Error).message}. Download it again.`, {
      cause: error,
    });
  }
}

const folderFiles = (from: string): Opened['files'] =>
  readdirSync(from, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((path) => statSync(join(from, path)).isFile())
    .map((path) => [path.split(sep).join('/'), () => readFileSync(join(from, path))]);

/** No archive of a data set unpacks to more; one that does was made to fill the disk. */
const LARGEST_ARCHIVE = 2 ** 31;

async function* limited(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > LARGEST_ARCHIVE) throw new Error(`it unpacks to more than ${LARGEST_ARCHIVE} bytes`);
    yield chunk;
  }
}

/** Unpacks to one temporary .tar. */
async function gzippedTar(from: string): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'make-data-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const tar = join(folder, 'archive.tar');
  try {
    await pipeline(createReadStream(from), createGunzip(), limited, createWriteStream(tar));
    return tarFiles(tar, remove);
  } catch (error) {
    remove();
    throw error;
  }
}

function tarFiles(path: string, afterwards: () => void): Opened {
  const tar = new TarFile(path);
  const files = Array.from(tarMembers(tar), ({ name, offset, size }): [string, () => Buffer] => [
    name,
    () => Buffer.from(tar.read(offset, size)),
  ]);
  const close = () => {
    tar.close();
    afterwards();
  };
  return { files, close };
}

function checkPath(path: string, from: string): void {
  const leaves = path.startsWith('/') || /\\|\0|^[a-z]:/i.test(path) || path.split('/').includes('..');
  if (leaves)
    throw new CoupletError(
      `${from} holds the path ${JSON.stringify(path)}, which leaves the archive: it is not what it says it is, and is refused.`,
    );
}
