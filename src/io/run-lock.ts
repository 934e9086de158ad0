import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { readJsonFile } from './json-file.ts';
import { systemFailure } from './system-error.ts';

/** Content of a lock: the process that writes the run's folder. */
const holderSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** ISO 8601 */
  started: z.string(),
  /** Start of the process in clock ticks since boot, on Linux: process ids are used again. */
  ticks: z.int().optional(),
});
type Holder = z.output<typeof holderSchema>;

/** Another lock with our process id is from an earlier process, as after the restart of a container. */
const ownLocks = new Set<string>();

export interface RunLock {
  /** `gone`: the folder was removed or renamed; `taken`: another process has locked it since. */
  state(): 'held' | 'gone' | 'taken';
  /** Removes the lock, and the folder if it was created here and is empty. Throws a CoupletError. */
  unlock(): void;
}

/**
 * Creates and locks a run's folder. Replaces the lock of a killed process of this machine.
 * @param otherwise what to do instead of waiting for the process that holds the lock
 * @throws CoupletError when another process may hold the lock, or the folder cannot be written
 */
export function lockRun(runDir: string, otherwise = 'give this run another --name'): RunLock {
  const path = resolve(runDir, 'lock');
  const isNew = attempt('write', path, () => mkdirSync(runDir, { recursive: true })) !== undefined;
  let own = attempt('write', path, () => write(path));
  if (!own) {
    refuseLive(runDir, path, otherwise);
    attempt('remove', path, () => rmSync(path, { force: true }));
    own = attempt('write', path, () => write(path));
    if (!own) refuse(runDir, readHolder(path), otherwise); // another process was faster
  }
  ownLocks.add(path);
  const state = () => {
    const now = readHolder(path);
    if (isDeepStrictEqual(now, own)) return 'held';
    return now ? 'taken' : 'gone';
  };
  return {
    state,
    unlock() {
      ownLocks.delete(path);
      if (state() !== 'held') return;
      attempt('remove', path, () => rmSync(path, { force: true }));
      if (isNew) removeEmpty(runDir);
    },
  };
}

/** Undefined when there already is a lock. */
function write(path: string): Holder | undefined {
  const { pid } = process;
  const ticks = ticksOf(pid);
  const started = new Date().toISOString();
  const holder: Holder = { pid, host: hostname(), started, ...(ticks !== undefined && { ticks }) };
  try {
    writeFileSync(path, `${JSON.stringify(holder)}\n`, { flag: 'wx' });
    return holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}

function refuseLive(runDir: string, path: string, otherwise: string): void {
  const holder = readHolder(path);
  const here = holder?.host === hostname();
  if (here && !ownLocks.has(path) && (holder.pid === process.pid || !isRunning(holder))) return;
  refuse(runDir, holder, otherwise);
}

function refuse(runDir: string, holder: Holder | undefined, otherwise: string): never {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'an unknown process';
  throw new CoupletError(
    `${runDir} is being written by ${who}. Wait for it, or ${otherwise}. If that process has ended, remove ${join(runDir, 'lock')}.`,
  );
}

/** Undefined for a lock that is gone or cut. */
function readHolder(path: string): Holder | undefined {
  try {
    return readJsonFile(path, holderSchema);
  } catch {
    return undefined;
  }
}

function isRunning({ pid, ticks }: Holder): boolean {
  try {
    process.kill(pid, 0);
    const ticksNow = ticksOf(pid);
    return ticks === undefined || ticksNow === undefined || ticksNow === ticks;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Field 22 of Linux's /proc/PID/stat. Field 2, a name in brackets, may contain spaces and brackets. */
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
  } catch {} // not empty
}

function attempt<T>(verb: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw systemFailure(cause, `Cannot ${verb}`, path);
  }
}
