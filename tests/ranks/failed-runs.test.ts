// What goes wrong in a run of two ranks: both end at once with one sentence, and the last checkpoint is whole.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { latestCheckpoint, verifyCheckpoint } from '../../src/io/checkpoint-files.ts';
import { put, temporaryFolder } from '../data/make.ts';
import { rowsOf, type TinyConfig, tinyConfig } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';
import { freePort, LONGER_THAN_A_TEST, rankEnv } from './harness.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const command = fileURLToPath(new URL('../../dist/cli/couplet.cjs', import.meta.url));

/** Two ranks as on two machines: each started by itself, in a folder of its own with the same config, and as much data as it has. */
async function startRanks(name: string, samples: [number, number], config: Partial<TinyConfig>) {
  const port = await freePort();
  const train = { type: 'webdataset', path: 'data/shard-{0..1}.tar' } as const;
  const text = JSON.stringify(tinyConfig({ ...config, train, name }));
  return Promise.all(
    samples.map(async (count, rank) => {
      const cwd = join(folder, name, String(rank));
      mkdirSync(cwd, { recursive: true });
      asWebdataset(join(cwd, 'data'), await shapes(count));
      writeFileSync(join(cwd, 'config.json'), text);
      const limit = { COUPLET_RANKS_TIMEOUT_SECONDS: LONGER_THAN_A_TEST };
      const child = spawn(process.execPath, [command, 'train', 'config.json'], {
        cwd,
        env: { ...process.env, OMP_NUM_THREADS: '1', ...limit, ...rankEnv(rank, 2, port) },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text) => {
        stderr += text;
      });
      /** The code, and the last thing that was said. */
      const ended = new Promise<{ code: number | null; sentence: string }>((resolve) =>
        child.on('close', (code) => resolve({ code, sentence: stderr.trim().split('\n').at(-1)! })),
      );
      return { child, runDir: join(cwd, 'runs', name), ended };
    }),
  );
}

async function wholeCheckpoint(runDir: string): Promise<number> {
  const place = (await latestCheckpoint(runDir))!;
  await verifyCheckpoint(place);
  return place.step;
}

const bothEnd = (ranks: Awaited<ReturnType<typeof startRanks>>) =>
  Promise.all(ranks.map(({ ended }) => ended));

test('a rank whose data is shorter: both say how much each has, before the first step', async () => {
  const [zero, one] = await bothEnd(await startRanks('shorter', [48, 40], {}));
  expect(zero).toEqual({
    code: 1,
    sentence: expect.stringMatching(/rank 0 and rank 1 differ in data: .*48.*40/),
  });
  expect(one).toEqual({
    code: 1,
    sentence: expect.stringMatching(/rank 1 and rank 0 differ in data: .*40.*48/),
  });
});

test('numbers that are not finite: both end with the sentence, nothing of it is saved', async () => {
  const ranks = await startRanks('diverges', [48, 48], {
    // The first step has rate 0, the second 1e28.
    schedule: { warmup: { steps: 0 }, finalLr: 1e30 },
    duration: { steps: 20 },
    checkpoint: { every: { steps: 1 } },
  });
  for (const { code, sentence } of await bothEnd(ranks)) {
    expect(sentence).toMatch(
      /after step 2 weight \S+ is not finite.*: training diverged|is (NaN|-?Infinity) at step 3/,
    );
    expect(code).toBe(1);
  }
  expect(await wholeCheckpoint(ranks[0].runDir)).toBe(1);
});

test('a rank that is killed in the middle: the other names it, and the last checkpoint is whole', async () => {
  const ranks = await startRanks('killed', [48, 48], {
    duration: { steps: 20_000 },
    checkpoint: { every: { steps: 5 } },
  });
  const steps = () => {
    try {
      return rowsOf(ranks[0].runDir).length;
    } catch {
      return 0; // not begun
    }
  };
  while (steps() < 12) await new Promise((resolve) => setTimeout(resolve, 50));
  ranks[1].child.kill('SIGKILL');
  const { code, sentence } = await ranks[0].ended;
  expect(sentence).toMatch(/rank 1 does not answer any more/);
  expect(code).toBe(1);
  expect(await wholeCheckpoint(ranks[0].runDir)).toBeGreaterThanOrEqual(5);
});

test('an evaluation that fails on rank 0: both go on, or end with the sentence where bestBy needs it', async () => {
  const start = async (name: string, bestBy: { bestBy?: string }) => {
    const [sample] = await shapes(1);
    for (const rank of ['0', '1'])
      put(join(folder, name, rank), {
        'a.png': sample!.png,
        'held.csv': 'path,title\na.png,one\ngone.png,two\n',
      });
    const retrieval = { data: { type: 'manifest', path: 'held.csv' } } as const;
    return startRanks(name, [48, 48], {
      duration: { steps: 4 },
      evaluate: { every: { steps: 2 }, retrieval, ...bestBy },
    });
  };
  const cause = /1 of 2 samples \(50\.0 %\) could not be used/;
  const ranks = await start('unmeasured', {});
  for (const { code } of await bothEnd(ranks)) expect(code).toBe(0);
  const failed = rowsOf(ranks[0].runDir).filter((row) => 'eval/failed' in row);
  expect(failed.map(({ step }) => step)).toEqual([2, 4]);
  expect(failed[0]!['eval/failed']).toMatch(cause);
  expect(await wholeCheckpoint(ranks[0].runDir)).toBe(4);
  const needed = await start('needed', { bestBy: 'mean_recall' });
  for (const { code } of await bothEnd(needed)) expect(code).toBe(1);
  expect(await wholeCheckpoint(needed[0].runDir)).toBe(2);
});
