// One process writes a run's folder at a time: its `lock` names that process.
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { CoupletError } from '../errors.ts';

/** Who holds a lock. */
interface Holder {
  pid: number;
  host: string;
  /** ISO 8601 */
  started: string;
  /** When the process began, in clock ticks since the machine's start, where the system says: an id may be given again, both are not. */
  ticks?: number;
}

/** Locks of this process: one that bears its id and is none of these is of an earlier process, as after the restart of a container. */
const held = new Set<string>();

/**
 * Locks a run's folder, which is made if need be. A lock that a process of this machine left when it was killed is taken over.
 * Returns what unlocks it again; then a folder that was made here and got nothing is removed too.
 * @throws CoupletError when another process holds it, or may hold it on another machine; or when the folder cannot be written
 */
export function lockRun(runDir: string): () => void {
  const path = resolve(runDir, 'lock');
  const made = attempt(runDir, () => mkdirSync(runDir, { recursive: true })) !== undefined;
  if (!attempt(runDir, () => write(path))) {
    refuseLive(runDir, path);
    rmSync(path, { force: true });
    if (!attempt(runDir, () => write(path))) refuse(runDir, readHolder(path)); // another process was faster
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(path, { force: true });
    if (made) removeEmpty(runDir);
  };
}

/** False when there is a lock already. */
function write(path: string): boolean {
  const { pid } = process;
  const ticks = ticksOf(pid);
  const started = new Date().toISOString();
  const holder: Holder = { pid, host: hostname(), started, ...(ticks !== undefined && { ticks }) };
  try {
    writeFileSync(path, `${JSON.stringify(holder)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function refuseLive(runDir: string, path: string): void {
  const holder = readHolder(path);
  const here = holder?.host === hostname();
  if (here && !held.has(path) && (holder.pid === process.pid || !isRunning(holder))) return;
  refuse(runDir, holder);
}

function refuse(runDir: string, holder: Holder | undefined): never {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'a process that its lock does not name';
  throw new CoupletError(
    `${runDir} is being written by ${who}. Wait for it, or give this run another --name; if that process is gone, remove ${join(runDir, 'lock')}.`,
  );
}

/** Undefined for a lock that is gone, or was cut. */
function readHolder(path: string): Holder | undefined {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return Number.isSafeInteger(found.pid) && found.pid > 0 && typeof found.host === 'string'
      ? found
      : undefined;
  } catch {
    return undefined;
  }
}

function isRunning({ pid, ticks }: Holder): boolean {
  try {
    process.kill(pid, 0);
    const found = ticksOf(pid);
    return ticks === undefined || found === undefined || found === ticks;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** The 22nd field of Linux's /proc/PID/stat; undefined elsewhere. The second one is a name in brackets, which may hold anything. */
function ticksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3]);
    return Number.isSafeInteger(ticks) ? ticks : undefined;
  } catch {
    return undefined;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {} // it has something in it
}

function attempt<T>(runDir: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new CoupletError(
      `Cannot write ${join(runDir, 'lock')}: ${(cause as Error).message}. Check the folder, and the room on its disk.`,
      { cause },
    );
  }
}
