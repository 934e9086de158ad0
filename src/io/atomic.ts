import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withCleanUp } from '../errors.ts';
import { systemFailure } from './system-error.ts';

const TEMPORARY = /^(.+)\.tmp-(\d+)(-replaced)?$/;

/** Path under which this process writes before the rename; `removeStale` recognizes it. */
export const temporaryName = (path: string): string => `${path}.tmp-${process.pid}`;

/** Whether a name belongs to unfinished or crashed writing. */
export const isTemporary = (name: string): boolean => TEMPORARY.test(name);

/**
 * Writes a folder that is complete or absent: `fill` writes into a temporary folder, which is flushed and renamed to `finalPath`.
 * Replaces an older folder, and removes what crashed processes left beside it.
 * @throws CoupletError on a full disk or any other error of the system, after the temporary folder is removed
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
    throw systemFailure(cause, 'Cannot write', finalPath);
  }
}

/** A rename cannot replace a full folder, so the old one is moved first; `removeStale` restores it after a crash in between. */
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

/** Removes temporary files of ended processes, and restores a folder that a crash left without its replacement. */
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
  if (pid === process.pid) return false; // left by an earlier process with the same id: we write one folder at a time
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
  await withCleanUp(
    () => file.sync(),
    () => file.close(),
  );
}

/**
 * Writes a file so that readers see the complete old or the complete new one. Throws as `writeFolderAtomically`.
 * @param options.mode file permissions; default those of the process
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
  { mode }: { mode?: number } = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, 'w', mode);
    const write = async () => {
      for (const piece of Array.isArray(content) ? content : [content]) await file.appendFile(piece);
      await file.sync();
    };
    await withCleanUp(write, () => file.close());
    await rename(temporary, path);
    await flush(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw systemFailure(cause, 'Cannot write', path);
  }
}
