import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { CoupletError } from '../errors.ts';
import { STOP_CODES, STOP_SIGNALS, type StopSignal } from './stop.ts';

/** Environment variable of a rank that ends with its launcher. */
const LAUNCHER_VARIABLE = 'COUPLET_LAUNCHER';

export interface LaunchOptions {
  nproc: number;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Milliseconds between a rank's failure and SIGKILL to the others. */
  graceMs?: number;
  /** Output of the ranks; lines of ranks other than 0 begin with `[rank 1] `. */
  stderr?: { write(text: string): unknown };
  stdout?: { write(text: string): unknown };
}

interface Rank {
  rank: number;
  child: ChildProcess;
  /** Its last line that began with `couplet: `. */
  cause: string | undefined;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Finds a free port of this machine. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening, failed) =>
    server.once('error', failed).listen(0, '127.0.0.1', listening),
  );
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** torchrun's variables, and an equal share of the cores. */
function rankEnvironment(
  rank: number,
  { nproc, port, env }: { nproc: number; port: number; env: NodeJS.ProcessEnv },
): NodeJS.ProcessEnv {
  const cores = Math.max(1, Math.floor(availableParallelism() / nproc));
  const pool = Math.min(Number(env.UV_THREADPOOL_SIZE) || 1024, Math.max(4, cores));
  return {
    OMP_NUM_THREADS: String(cores),
    // Silences c10d's line for each connection, in libtorch with and without glog.
    GLOG_minloglevel: '3',
    TORCH_CPP_LOG_LEVEL: 'ERROR',
    ...env,
    UV_THREADPOOL_SIZE: String(pool),
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(nproc),
    LOCAL_WORLD_SIZE: String(nproc),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
    [LAUNCHER_VARIABLE]: String(process.pid),
  };
}

function startRank(rank: number, port: number, options: LaunchOptions): Rank {
  const { nproc, command, args, env = process.env } = options;
  const { stderr = process.stderr, stdout = process.stdout } = options;
  // Detached: otherwise the terminal sends Ctrl-C to the ranks too, and a second Ctrl-C quits at once.
  const child = spawn(command, args, {
    env: rankEnvironment(rank, { nproc, port, env }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  const ended = new Promise<Awaited<Rank['ended']>>((resolve, reject) => {
    child.once('error', (error) => reject(new CoupletError(`rank ${rank} did not start: ${error.message}`)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  ended.catch(() => {});
  const started: Rank = { rank, child, cause: undefined, ended };
  const note = (line: string) => {
    if (line.startsWith('couplet: ')) started.cause = line.slice('couplet: '.length);
  };
  relay(child.stderr!, { to: stderr, rank, note });
  relay(child.stdout!, { to: stdout, rank, note: () => {} });
  return started;
}

/** Passes on rank 0's text as it comes, for its status line, and the others' by whole lines. */
function relay(
  from: NodeJS.ReadableStream,
  { to, rank, note }: { to: { write(text: string): unknown }; rank: number; note: (line: string) => void },
): void {
  if (rank === 0) from.on('data', (text: Buffer) => to.write(text.toString()));
  createInterface({ input: from, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    note(line);
    if (rank !== 0) to.write(`[rank ${rank}] ${line}\n`);
  });
}

/**
 * Starts `nproc` ranks of a command on this machine, passes signals on, and waits until all have ended.
 * @returns the exit code: 0, or 130, 143 or 138 after a signal
 * @throws CoupletError with the rank that failed first and its cause
 */
export async function launch(options: LaunchOptions): Promise<number> {
  const { nproc, graceMs = 10_000 } = options;
  if (!Number.isInteger(nproc) || nproc < 1)
    throw new CoupletError(`The number of ranks is ${nproc}: expected a whole number, 1 or more.`);
  const port = await freePort();
  const ranks = Array.from({ length: nproc }, (_, rank) => startRank(rank, port, options));
  let firstSignal: StopSignal | undefined;
  /** SIGUSR1 only announces the end. */
  let mustEnd = false;
  let failed: CoupletError | undefined;
  let timer: NodeJS.Timeout | undefined;
  const signalAll = (signal: NodeJS.Signals) => {
    for (const { child } of ranks)
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  const killLater = () => {
    timer ??= setTimeout(() => signalAll('SIGKILL'), graceMs);
  };
  const onSignal = (signal: StopSignal) => {
    if (mustEnd && signal !== 'SIGUSR1') killLater(); // the second signal
    mustEnd ||= signal !== 'SIGUSR1';
    firstSignal ??= signal;
    signalAll(signal);
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  try {
    await Promise.all(
      ranks.map(async (rank) => {
        const error = await failureOf(rank, { nproc, hasSignal: () => firstSignal !== undefined });
        if (!error) return;
        if (!failed && !firstSignal) signalAll('SIGTERM');
        failed ??= error;
        killLater();
      }),
    );
  } finally {
    clearTimeout(timer);
    for (const name of STOP_SIGNALS) process.off(name, onSignal);
  }
  if (failed) throw failed;
  return firstSignal ? STOP_CODES[firstSignal] : 0;
}

/** Waits for a rank; undefined when it did not fail. */
async function failureOf(
  rank: Rank,
  { nproc, hasSignal }: { nproc: number; hasSignal: () => boolean },
): Promise<CoupletError | undefined> {
  try {
    const { code, signal } = await rank.ended;
    if (code === 0) return undefined;
    const stopped = signal !== null || Object.values<number | null>(STOP_CODES).includes(code);
    if (hasSignal() && stopped) return undefined;
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    const cause =
      rank.cause ?? (signal === 'SIGKILL' ? 'the machine may be out of memory.' : 'see its messages above.');
    return new CoupletError(`rank ${rank.rank} of ${nproc} ${how}: ${cause}`);
  } catch (error) {
    return error as CoupletError;
  }
}

/** Ends this rank when its launcher ends. Does nothing without a launcher. */
export function followLauncher(env: NodeJS.ProcessEnv = process.env): void {
  if (!env[LAUNCHER_VARIABLE] || !process.channel) return;
  process.once('disconnect', () => process.exit(1));
  process.channel.unref(); // or the channel would keep the rank alive
}
