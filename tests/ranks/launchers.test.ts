// The real launchers, where they are installed: torchrun, mpirun, and Slurm as a cluster of this machine alone.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../data/make.ts';
import { rowsOf, stepsSaved, tinyConfig } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';
import { freePort } from './harness.ts';
import { SLURM, startSlurm } from './slurm-cluster.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const command = fileURLToPath(new URL('../../dist/cli/couplet.cjs', import.meta.url));
const can = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;
const hasTorchrun = can('torchrun', '--help');
const hasMpirun = spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout?.includes('Open MPI');
const hasSlurm = SLURM.every((program) => can('sh', '-c', `command -v ${program}`));
const named = (name: string, has: boolean | undefined) => (has ? name : `${name} (missing)`);

beforeAll(async () => {
  if (!hasTorchrun && !hasMpirun && !hasSlurm) return;
  const train = asWebdataset(join(folder, 'data'), await shapes(48));
  const config = (steps: number) =>
    JSON.stringify(tinyConfig({ train, duration: { steps }, checkpoint: { every: { steps: 10 } } }));
  writeFileSync(join(folder, 'short.json'), config(20));
  writeFileSync(join(folder, 'long.json'), config(60));
  writeFileSync(join(folder, 'endless.json'), config(100_000));
  for (const name of ['short', 'long'])
    expect(await run(process.execPath, [command, ...trainWords(name), '--nproc', '2']).ended).toMatchObject({
      code: 0,
    });
});

/** The words after `couplet` for a config, in a run of this name. */
const trainWords = (config: string, name = config) => ['train', `${config}.json`, '--name', name];

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(program, args, {
    cwd: folder,
    // One thread, as torchrun sets it: products then have the same bits.
    env: { ...process.env, OMP_NUM_THREADS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  const ended = new Promise<{ code: number | null; said: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, said })),
  );
  return { child, ended };
}

const runDirOf = (name: string) => join(folder, 'runs', name);
const losses = (name: string) => rowsOf(runDirOf(name)).map((row) => row['train/loss']);

/** Waits until a run has written this many lines of metrics. */
async function until(name: string, lines: number): Promise<void> {
  const path = join(runDirOf(name), 'metrics.jsonl');
  const written = () => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);
  while (written() < lines) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The process of rank 1 of a run, by its words and its environment as Linux tells them. */
function pidOfRankOne(name: string): number {
  const told = (pid: string, what: string) => {
    try {
      return readFileSync(`/proc/${pid}/${what}`, 'utf8').split('\0');
    } catch {
      return []; // ended, or not ours
    }
  };
  const pid = readdirSync('/proc').find(
    (entry) =>
      told(entry, 'cmdline').includes(command) &&
      told(entry, 'cmdline').includes(name) &&
      told(entry, 'cmdline')[0].endsWith('node') &&
      told(entry, 'environ').includes('RANK=1'),
  );
  return Number(pid);
}

function torchrun(words: readonly string[], ...flags: string[]) {
  // `--redirects 2 --tee 2`: Debian's torchrun cannot do without, on its Python. The variable: torchrun and the addon's
  // libtorch may be of different versions, whose stores do not understand each other.
  const own = ['--no_python', '--standalone', '--nproc_per_node', '2', '--redirects', '2', '--tee', '2'];
  return run('torchrun', [...own, '--log_dir', folder, ...flags, process.execPath, command, ...words], {
    TORCH_DISABLE_SHARE_RDZV_TCP_STORE: '1',
  });
}

test.skipIf(!hasTorchrun)(
  named('torchrun: the losses of --nproc 2, and the cause of a failure in its summary', hasTorchrun),
  async () => {
    const { code, said } = await torchrun(trainWords('short', 'torchrun')).ended;
    expect(code, said).toBe(0);
    expect(losses('torchrun')).toEqual(losses('short'));
    const again = await torchrun(trainWords('short', 'torchrun')).ended;
    expect(again.code).toBe(1);
    expect(again.said).toMatch(/^ {2}traceback : .*runs\/torchrun holds a run already\./m);
  },
);

test.skipIf(!hasTorchrun)(
  named('torchrun --max-restarts: a rank is killed, and all go on from the last checkpoint', hasTorchrun),
  async () => {
    const words = [...trainWords('long', 'restarted'), '--resume', 'latest'];
    const { ended } = torchrun(words, '--max_restarts', '1');
    await until('restarted', 12);
    process.kill(pidOfRankOne('restarted'), 'SIGKILL');
    const { code, said } = await ended;
    expect(code, said).toBe(0);
    expect(said).toContain('rank 1 does not answer any more');
    expect(said).toMatch(/from step [1-5]0 to 60/);
    expect(losses('restarted')).toEqual(losses('long'));
  },
);

async function mpirun(words: readonly string[], before: readonly string[] = []) {
  const env = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const passedOn = Object.keys(env).flatMap((name) => ['-x', name]);
  const own = ['--allow-run-as-root', '--oversubscribe', '-n', '2', ...passedOn];
  return run('mpirun', [...own, process.execPath, ...before, command, ...words], env);
}

test.skipIf(!hasMpirun)(named('mpirun: the losses of --nproc 2', hasMpirun), async () => {
  const { code, said } = await (await mpirun(trainWords('short', 'mpirun'))).ended;
  expect(code, said).toBe(0);
  expect(losses('mpirun')).toEqual(losses('short'));
});

test.skipIf(!hasMpirun)(
  named('mpirun ends all when a rank ends with a code: none does before the checkpoint is whole', hasMpirun),
  async () => {
    const slow = join(folder, 'slow.cjs');
    writeFileSync(
      slow,
      `const fs = require('node:fs');
const { rename } = fs.promises;
fs.promises.rename = async (from, to) => {
  if (to.includes('step-')) await new Promise((resolve) => setTimeout(resolve, 8000));
  return rename(from, to);
};
require('node:module').syncBuiltinESMExports();
`,
    );
    // Checkpoints only where it stops.
    const words = [...trainWords('endless', 'slow'), '--set', 'checkpoint.every={"steps":100000}'];
    const { child, ended } = await mpirun(words, ['--require', slow]);
    await until('slow', 3);
    child.kill('SIGUSR1');
    const { code, said } = await ended;
    expect(code, said).toBe(138);
    expect(await stepsSaved(runDirOf('slow'))).toEqual([rowsOf(runDirOf('slow')).length]);
  },
);

test.skipIf(!hasSlurm)(
  named('Slurm: the losses of --nproc 2; SIGUSR1 and scancel save and stop', hasSlurm),
  async () => {
    const cluster = await startSlurm(join(folder, 'slurm'));
    try {
      const srun = (words: readonly string[], ...flags: string[]) =>
        run('srun', ['--ntasks', '2', ...flags, process.execPath, command, ...words], cluster.env);
      const { code, said } = await srun(trainWords('short', 'srun')).ended;
      expect(code, said).toBe(0);
      expect(losses('srun')).toEqual(losses('short'));
      for (const [signal, expected] of [
        ['USR1', 138],
        ['TERM', 143],
      ] as const) {
        const name = `stopped-${signal}`;
        const { ended } = srun(trainWords('endless', name), '--job-name', name);
        await until(name, 3);
        const sent = spawnSync('scancel', ['--signal', signal, '--name', name], {
          env: { ...process.env, ...cluster.env },
        });
        expect(sent.status, String(sent.stderr)).toBe(0);
        expect(await ended).toMatchObject({ code: expected, said: expect.stringContaining('and saved') });
        expect(await stepsSaved(runDirOf(name))).toContain(rowsOf(runDirOf(name)).length);
      }
    } finally {
      await cluster.stop();
    }
  },
);
