import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CoupletError } from '../errors.ts';

const TEMPORARY = /^(.+)\.tmp-(\d+)(-replaced)?$/;

/** Where this process writes what is to be at `path`; removeStale() knows it as such. */
export const temporaryName = (path: string): string => `${path}.tmp-${process.pid}`;

/** Whether a folder's name says that it is being written, or was left by a crash. */
export const isTemporary = (name: string): boolean => TEMPORARY.test(name);

/**
 * Makes a folder that is whole or not there: `fill` writes into `finalPath.tmp-PID`; then every file and the folder are flushed,
 * the folder is renamed to `finalPath` and its parent flushed. A folder that was at `finalPath` is replaced.
 * First removes what crashed processes left beside it.
 * On an error (disk full, or one that `fill` throws) removes what it wrote and throws a CoupletError with the reason;
 * a CoupletError of `fill` passes as it is. Nothing beside `finalPath` is touched.
 */
export async function writeFolderAtomically(
  finalPath: string,
  fill: (temporaryPath: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(finalPath);
  try {
    await mkdir(dirname(finalPath), { recursive: true });
    await removeStale(dirname(finalPath));
    await mkdir(temporary);
    await fill(temporary);
    await flushTree(temporary);
    await replaceFolder(temporary, finalPath);
    await flush(dirname(finalPath));
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    if (cause instanceof CoupletError) throw cause;
    throw new CoupletError(`Cannot write ${finalPath}: ${reason(cause)} Earlier folders are untouched.`, {
      cause,
    });
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `the disk is full (${message}). Make room and resume, or keep fewer checkpoints.`;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return `no permission (${message}). Choose a folder that you may write to.`;
  return `${message}. Check the disk and resume.`;
}

/** No rename replaces a full folder, so the old one steps aside; `removeStale` puts it back after a crash in between. */
async function replaceFolder(temporary: string, finalPath: string): Promise<void> {
  const aside = `${temporary}-replaced`;
  const replaces = await rename(finalPath, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  await rename(temporary, finalPath).catch(async (error) => {
    if (replaces) await rename(aside, finalPath);
    throw error;
  });
  if (replaces) await rm(aside, { recursive: true, force: true });
}

/** Removes temporary folders and files of processes that no longer run; a replaced folder whose successor never came is put back. */
export async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const match = TEMPORARY.exec(name);
    if (!match || isRunning(Number(match[2]))) continue;
    const final = join(parent, match[1] as string);
    const lost = match[3] !== undefined && !(await exists(final));
    if (lost) await rename(join(parent, name), final);
    else await rm(join(parent, name), { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function isRunning(pid: number): boolean {
  if (pid === process.pid) return false; // this process writes one folder at a time: what bears its id is of an earlier one
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? flushTree(path) : flush(path));
  }
  await flush(folder);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes a file, of one piece or of several, so that a reader sees the old one or the new one, whole. Throws as `writeFolderAtomically`.
 * @param options.mode who may read it; as the process has it otherwise
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
  { mode }: { mode?: number } = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, 'w', mode);
    try {
      for (const piece of Array.isArray(content) ? content : [content]) await file.appendFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await flush(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new CoupletError(`Cannot write ${basename(path)} in ${dirname(path)}: ${reason(cause)}`, { cause });
  }
}
