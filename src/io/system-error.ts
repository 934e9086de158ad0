// Errors of the operating system, in words that a person can act on.
import { CoupletError } from '../errors.ts';

interface Meaning {
  what: string;
  todo: string;
  /** The machine fails, whatever the file: other files would fail too. */
  machine?: true;
}

const CHECK_PATH = 'Check the path; relative paths start where the command runs.';
const MAY_NOT = { what: 'no permission', todo: 'Change its permissions (ls -l), or choose another path.' };
const FULL = 'Make room (df -h) and go on; TMPDIR moves temporary files to another disk.';
const FAILS = "Look at the machine's log (dmesg) and at the disk, then go on.";
const LOST = 'Mount the file system again, then go on.';
const BUSY = 'Wait until the program that uses it has ended, then go on.';

/** By Node's error code. Other codes, such as EBADF, are defects. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { what: 'there is no such file or folder', todo: CHECK_PATH },
  ENOTDIR: { what: 'a part of the path is a file, not a folder', todo: CHECK_PATH },
  EISDIR: { what: 'it is a folder, not a file', todo: CHECK_PATH },
  EEXIST: { what: 'it exists already', todo: 'Remove it, or choose another path.' },
  ENOTEMPTY: { what: 'the folder is not empty', todo: 'Empty it, or choose another path.' },
  ELOOP: { what: 'its links go in a circle', todo: 'Mend the links, or choose another path.' },
  ENAMETOOLONG: { what: 'the name is too long', todo: 'Choose a shorter path.' },
  EXDEV: { what: 'both paths are on different file systems', todo: 'Choose paths on one of them.' },
  EFBIG: { what: 'the file would be too large here', todo: 'Raise `ulimit -f`, or choose another disk.' },
  ERR_FS_FILE_TOO_LARGE: { what: 'the file is larger than 2 GiB', todo: 'Check the path.' },
  EACCES: MAY_NOT,
  EPERM: MAY_NOT,
  EBUSY: { what: 'it is in use', todo: BUSY },
  ETXTBSY: { what: 'the program is running', todo: BUSY },
  ENXIO: { what: 'nothing stands behind this device or pipe', todo: CHECK_PATH },
  EROFS: {
    what: 'the file system is read-only',
    todo: 'Choose another path, or mount it to write.',
    machine: true,
  },
  ENOSPC: { what: 'the disk is full', todo: FULL, machine: true },
  EDQUOT: { what: 'the disk is full for this user (quota)', todo: FULL, machine: true },
  EMFILE: {
    what: 'this process has too many open files',
    todo: 'Raise the limit (ulimit -n 4096), or lower data.workers.',
    machine: true,
  },
  ENFILE: {
    what: 'this machine has too many open files',
    todo: 'End other programs, or raise fs.file-max.',
    machine: true,
  },
  EIO: { what: 'the disk or the network file system failed', todo: FAILS, machine: true },
  EREMOTEIO: { what: 'the network file system failed', todo: FAILS, machine: true },
  ENODEV: { what: 'the disk is gone', todo: LOST, machine: true },
  ESTALE: { what: 'the network file system lost this file', todo: LOST, machine: true },
  ENOTCONN: { what: 'the network file system is not connected', todo: LOST, machine: true },
  ETIMEDOUT: { what: 'the network file system does not answer', todo: LOST, machine: true },
  EHOSTDOWN: { what: 'the host of the network file system is down', todo: LOST, machine: true },
  ENOMEM: {
    what: 'the machine is out of memory',
    todo: 'End other programs, or lower data.workers.',
    machine: true,
  },
  EAGAIN: {
    what: 'the machine has no thread or process left',
    todo: 'Raise the limit (ulimit -u), or lower data.workers.',
    machine: true,
  },
};

/** The system error that caused `error`, or that it is. */
function systemError(error: unknown): (NodeJS.ErrnoException & { dest?: string }) | undefined {
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    if (Object.hasOwn(MEANINGS, (current as NodeJS.ErrnoException).code ?? '')) return current;
    current = current.cause;
  }
  return undefined;
}

const meaningOf = (error: unknown): Meaning | undefined => MEANINGS[systemError(error)?.code ?? ''];

/** Whether the machine failed (full disk, too many open files, I/O error), so that the file is not to blame. Looks at causes too. */
export const isMachineFailure = (error: unknown): boolean => meaningOf(error)?.machine === true;

/** `ENOSPC`, of the error or of its cause; undefined when it is no error of the system. */
export const systemCode = (error: unknown): string | undefined => systemError(error)?.code;

/**
 * The error to throw when an action on a path failed: a CoupletError with the path, what happened and what to do.
 * Returns a CoupletError unchanged, and a defect too.
 * @param action such as `Cannot read`; @param path by default the one that the system names
 */
export function systemFailure(error: unknown, action = 'Cannot use', path?: string): unknown {
  if (error instanceof CoupletError) return error;
  const [cause, meaning] = [systemError(error), meaningOf(error)];
  if (!cause || !meaning) return error;
  const named = [cause.path, cause.dest].filter((name) => name !== undefined).join(' or ');
  const where = path ?? named;
  const subject = where === '' ? '' : `${action} ${where}: `;
  return new CoupletError(`${subject}${meaning.what} (${cause.code}). ${meaning.todo}`, {
    cause: error,
  });
}
