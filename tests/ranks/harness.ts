import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/cli/launch.ts';

const worker = join(dirname(fileURLToPath(import.meta.url)), 'worker.ts');
/** Scenarios that are a file of their own. */
const OWN_WORKER: ReadonlySet<string> = new Set(['versions', 'ssl']);
const jiti = import.meta.resolve('jiti/register');

export interface Ended {
  code: number | null;
  signal: string | null;
  /** The line of JSON that a worker prints, if it did. */
  // biome-ignore lint/suspicious/noExplicitAny: each scenario has a report of its own
  report: any;
  stderr: string;
  seconds: number;
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

export function start({ scenario, env }: Start): { child: ChildProcess; ended: Promise<Ended> } {
  const began = performance.now();
  const script = OWN_WORKER.has(scenario) ? worker.replace('worker.ts', `${scenario}-worker.ts`) : worker;
  const child = spawn(process.execPath, ['--import', jiti, script, scenario], {
    env: { PATH: process.env.PATH, OMP_NUM_THREADS: '1', GLOG_minloglevel: '3', ...passedOn(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
      const report = stdout.trim() ? JSON.parse(stdout.trim().split('\n').at(-1)!) : undefined;
      resolve({ code, signal, report, stderr, seconds: (performance.now() - began) / 1000 });
    }),
  );
  return { child, ended };
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

/** Runs a scenario on `count` ranks; `env` may differ by rank. */
export async function runRanks(
  scenario: string,
  count: number,
  env: (rank: number) => Record<string, string> = () => ({}),
): Promise<Ended[]> {
  const port = await freePort();
  const started = Array.from({ length: count }, (_, rank) =>
    start({ scenario, env: { ...rankEnv(rank, count, port), ...env(rank) } }),
  );
  return Promise.all(started.map(({ ended }) => ended));
}
