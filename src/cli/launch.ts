// Starts the ranks of a run on this machine and watches over them: signals go to all, and none outlives a failure for long.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { CoupletError } from '../errors.ts';
import { STOP_CODES, STOP_SIGNALS, type StopSignal } from './stop.ts';

/** Tells a rank that its launcher watches it, and that it is to end when the launcher does. */
const MARK = 'COUPLET_LAUNCHER';

export interface LaunchOptions {
  /** Ranks to start. */
  nproc: number;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** How long ranks may take to end by themselves once one has failed. */
  graceMs?: number;
  /** Where the ranks' lines go: rank 0's as they are, the others' with `[rank 1] ` before them. */
  stderr?: { write(text: string): unknown };
  stdout?: { write(text: string): unknown };
}

interface Rank {
  rank: number;
  child: ChildProcess;
  /** Its last word of the form `couplet: ...`. */
  cause: string | undefined;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** A port of this machine that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening, failed) =>
    server.once('error', failed).listen(0, '127.0.0.1', listening),
  );
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** What each rank finds in its environment, as under torchrun. The cores are shared out. */
function rankEnvironment(
  rank: number,
  { nproc, port, env }: { nproc: number; port: number; env: NodeJS.ProcessEnv },
): NodeJS.ProcessEnv {
  const cores = Math.max(1, Math.floor(availableParallelism() / nproc));
  const pool = Math.min(Number(env.UV_THREADPOOL_SIZE) || 1024, Math.max(4, cores));
  return {
    OMP_NUM_THREADS: String(cores),
    // c10d tells of every connection; what matters comes as errors. Two names: libtorch may be built with glog or without.
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
    [MARK]: String(process.pid),
  };
}

function startRank(rank: number, port: number, options: LaunchOptions): Rank {
  const { nproc, command, args, env = process.env } = options;
  const { stderr = process.stderr, stdout = process.stdout } = options;
  // A process group of its own: a Ctrl-C would reach the ranks from the terminal too, and twice means "at once".
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

/** Rank 0's text goes on as it comes, for its status line; the others' by whole lines. */
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
 * Starts `nproc` ranks of a command and waits until all have ended. Resolves with the exit code: 0, or 130, 143 or 138
 * when a signal stopped them. Throws a CoupletError that names the rank that failed first and why, after the others have ended too.
 */
export async function launch(options: LaunchOptions): Promise<number> {
  const { nproc, graceMs = 10_000 } = options;
  if (!Number.isInteger(nproc) || nproc < 1)
    throw new CoupletError(`The number of ranks is ${nproc}: expected a whole number, 1 or more.`);
  const port = await freePort();
  const ranks = Array.from({ length: nproc }, (_, rank) => startRank(rank, port, options));
  let asked: StopSignal | undefined;
  /** Asked by something other than SIGUSR1, which only announces that. */
  let toEnd = false;
  let failed: CoupletError | undefined;
  let timer: NodeJS.Timeout | undefined;
  const signalAll = (signal: NodeJS.Signals) => {
    for (const { child } of ranks)
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  /** All ranks are to end; those that do not are made to. */
  const killLater = () => {
    timer ??= setTimeout(() => signalAll('SIGKILL'), graceMs);
  };
  const onSignal = (signal: StopSignal) => {
    if (toEnd && signal !== 'SIGUSR1') killLater(); // the second time
    toEnd ||= signal !== 'SIGUSR1';
    asked ??= signal;
    signalAll(signal);
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  try {
    await Promise.all(
      ranks.map(async (rank) => {
        const error = await failureOf(rank, { nproc, asked: () => asked !== undefined });
        if (!error) return;
        if (!failed && !asked) signalAll('SIGTERM');
        failed ??= error;
        killLater();
      }),
    );
  } finally {
    clearTimeout(timer);
    for (const name of STOP_SIGNALS) process.off(name, onSignal);
  }
  if (failed) throw failed;
  return asked ? STOP_CODES[asked] : 0;
}

/** Waits for a rank; undefined when it ended as it should. */
async function failureOf(
  rank: Rank,
  { nproc, asked }: { nproc: number; asked: () => boolean },
): Promise<CoupletError | undefined> {
  try {
    const { code, signal } = await rank.ended;
    if (code === 0) return undefined;
    const stopped = signal !== null || Object.values<number | null>(STOP_CODES).includes(code);
    if (asked() && stopped) return undefined;
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    const cause =
      rank.cause ?? (signal === 'SIGKILL' ? 'is there enough memory?' : 'see its messages above.');
    return new CoupletError(`rank ${rank.rank} of ${nproc} ${how}: ${cause}`);
  } catch (error) {
    return error as CoupletError;
  }
}

/** In a rank: ends this process when its launcher is gone, so that none is left behind. Does nothing without one. */
export function followLauncher(env: NodeJS.ProcessEnv = process.env): void {
  if (!env[MARK] || !process.channel) return;
  process.once('disconnect', () => process.exit(1));
  process.channel.unref(); // the channel alone keeps no rank alive
}
