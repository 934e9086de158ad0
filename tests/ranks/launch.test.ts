import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type LaunchOptions, launch } from '../../src/cli/launch.ts';
import { withoutNproc } from '../../src/cli/train.ts';
import { CoupletError } from '../../src/errors.ts';

const jiti = import.meta.resolve('jiti/register');
const child = fileURLToPath(new URL('child.ts', import.meta.url));
const launcher = fileURLToPath(new URL('parent.ts', import.meta.url));
const args = ['--import', jiti, child];

function run(nproc: number, env: Record<string, string> = {}, options: Partial<LaunchOptions> = {}) {
  let text = '';
  const stderr = {
    write: (part: string) => {
      text += part;
    },
  };
  const base = { PATH: process.env.PATH, ...env };
  const ended = launch({ nproc, command: process.execPath, args, env: base, stderr, ...options });
  return { ended, text: () => text };
}

/** Waits until the text says so. */
async function until(said: () => boolean): Promise<void> {
  while (!said()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const pids = (text: string) => [...text.matchAll(/(\d+)$/gm)].map(([, pid]) => Number(pid));

test('each rank knows its place, and all but rank 0 speak with their name', async () => {
  const { ended, text } = run(3);
  expect(await ended).toBe(0);
  const cores = Math.max(1, Math.floor(availableParallelism() / 3));
  const lines = text().trim().split('\n').toSorted();
  expect(lines.map((line) => line.replace(/ \d+$/, ''))).toEqual([
    `0/3 0/3 127.0.0.1 ${cores}`,
    `[rank 1] 1/3 1/3 127.0.0.1 ${cores}`,
    `[rank 2] 2/3 2/3 127.0.0.1 ${cores}`,
  ]);
});

test('when a rank fails the others are ended, the deaf ones by force, and the cause is told', async () => {
  const { ended, text } = run(3, { FATE_0: 'wait', FATE_1: 'fail', FATE_2: 'deaf' }, { graceMs: 1500 });
  await expect(ended).rejects.toThrow(
    new CoupletError('rank 1 of 3 ended with code 1: shard-3.tar is truncated'),
  );
  expect(pids(text()).filter(alive)).toEqual([]);
});

test('a rank that the system killed is named', async () => {
  const { ended } = run(2, { FATE_0: 'wait', FATE_1: 'die' });
  await expect(ended).rejects.toThrow(
    /^rank 1 of 2 was ended by SIGKILL: the machine may be out of memory\.$/,
  );
});

test('a signal goes to every rank, and stopping in order is no failure', async () => {
  const { ended, text } = run(2, { FATE_0: 'polite', FATE_1: 'polite' });
  await until(() => pids(text()).length === 2);
  process.emit('SIGINT', 'SIGINT');
  expect(await ended).toBe(130);
});

test('ranks end when their launcher is killed', async () => {
  const parent = spawn(process.execPath, ['--import', jiti, launcher, ...args], {
    env: { PATH: process.env.PATH, FATE_0: 'wait', FATE_1: 'wait' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  parent.stderr.on('data', (part) => {
    text += part;
  });
  await until(() => pids(text).length === 2);
  expect(pids(text).filter(alive)).toHaveLength(2);
  parent.kill('SIGKILL');
  await until(() => pids(text).filter(alive).length === 0);
});

test.each([0, 1.5, Number.NaN])('%d ranks are refused', async (nproc) => {
  await expect(run(nproc).ended).rejects.toThrow(/number of ranks is .*expected a whole number/);
});

test('a rank is started with the same words, but for --nproc', () => {
  const words = ['train', 'a.ts', '--nproc', '2', '--set', 'x=1', '--nproc=4', '--name', 'b'];
  expect(withoutNproc(words)).toEqual(['train', 'a.ts', '--set', 'x=1', '--name', 'b']);
});
