import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/cli/launch.ts';

const worker = join(dirname(fileURLToPath(import.meta.url)), 'worker.ts');
/** Scenarios that are a file of their own. */
const OWN_WORKER: ReadonlySet<string> = new Set(['versions', 'ssl']);
const jiti = import.meta.resolve('jiti/register');

/** Seconds that ranks wait for each other, where they learn of a failure at once: a test that reaches them hangs. */
export const LONGER_THAN_A_TEST = '900';

export interface Ended {
  code: number | null;
  signal: string | null;
  /** The line of JSON that a worker prints, if it did. */
  // biome-ignore lint/suspicious/noExplicitAny: each scenario has a report of its own
  report: any;
  stderr: string;
}

export { freePort };

export interface Start {
  scenario: string;
  env: Record<string, string>;
}

/** What NCCL and a GPU need of the outer environment. */
function passedOn(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) =>
    /^(DEVICE|HOME|LD_|CUDA|NCCL|TORCH_|NVSHMEM)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

export interface Started {
  child: ChildProcess;
  /** Resolves when its modules are loaded, or when it has ended. It goes on when its stdin ends. */
  ready: Promise<unknown>;
  ended: Promise<Ended>;
}

/** Starts one rank, which goes on at once. */
export function start(options: Start): Started {
  const started = load(options);
  started.child.stdin!.end();
  return started;
}

function load({ scenario, env }: Start): Started {
  const script = OWN_WORKER.has(scenario) ? worker.replace('worker.ts', `${scenario}-worker.ts`) : worker;
  const child = spawn(process.execPath, ['--import', jiti, script, scenario], {
    env: { PATH: process.env.PATH, OMP_NUM_THREADS: '1', GLOG_minloglevel: '3', ...passedOn(), ...env },
    stdio: 'pipe',
  });
  child.stdin.on('error', () => {}); // it has ended
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => {
      const said = stdout.replace(/^ready\n/, '').trim();
      const report = said ? JSON.parse(said.split('\n').at(-1)!) : undefined;
      resolve({ code, signal, report, stderr });
    }),
  );
  const loaded = new Promise((resolve) => child.stdout.once('data', resolve));
  return { child, ready: Promise.race([loaded, ended]), ended };
}

/** The environment of one rank, as torchrun would set it. */
export function rankEnv(rank: number, worldSize: number, port: number): Record<string, string> {
  return {
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(worldSize),
    LOCAL_WORLD_SIZE: String(worldSize),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
  };
}

/**
 * Starts a scenario on `count` ranks; `env` may differ by rank. They meet when all have loaded their modules, so that a
 * limit of some seconds is not used up by what a busy machine takes to load them.
 */
export async function startRanks(
  scenario: string,
  count: number,
  env: (rank: number) => Record<string, string> = () => ({}),
): Promise<Started[]> {
  const port = await freePort();
  const started = Array.from({ length: count }, (_, rank) =>
    load({ scenario, env: { ...rankEnv(rank, count, port), ...env(rank) } }),
  );
  await Promise.all(started.map(({ ready }) => ready));
  for (const { child } of started) child.stdin!.end();
  return started;
}

/** Starts ranks and waits for their ends. */
export async function runRanks(...args: Parameters<typeof startRanks>): Promise<Ended[]> {
  const started = await startRanks(...args);
  return Promise.all(started.map(({ ended }) => ended));
}
