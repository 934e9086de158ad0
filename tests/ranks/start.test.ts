import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort, rankEnv, runRanks, start } from './harness.ts';

test('ranks with different configs: each says which rank and what differs', async () => {
  const config = (rank: number) =>
    JSON.stringify({ seed: 0, batch: { globalBatchSize: rank === 1 ? 128 : 64 } });
  const ended = await runRanks('config', 3, (rank) => ({ CONFIG: config(rank) }));
  const sizes = (a: number, b: number) =>
    `batch.globalBatchSize is ${a === 1 ? 128 : 64} on rank ${a}, ${b === 1 ? 128 : 64} on rank ${b}`;
  const say = (a: number, b: number) =>
    `couplet: rank ${a} and rank ${b} differ in config: ${sizes(a, b)}. Start every rank with the same config.\n`;
  expect(ended[0].stderr).toBe(say(0, 1));
  expect(ended[1].stderr).toBe(say(1, 0));
  expect(ended[2].stderr).toBe(say(2, 1));
  for (const { code } of ended) expect(code).toBe(1);
});

test('ranks with different numbers of ranks', async () => {
  const ended = await runRanks(
    'config',
    2,
    (rank): Record<string, string> => (rank === 1 ? { WORLD_SIZE: '3', LOCAL_WORLD_SIZE: '3' } : {}),
  );
  for (const { stderr } of ended) expect(stderr).toMatch(/one of [23] ranks, rank [01] as one of [23]/);
});

test('a rank that never comes is named, and so is one that misses a barrier', async () => {
  const port = await freePort();
  const one = start({ scenario: 'config', env: { ...rankEnv(0, 3, port), TIMEOUT: '1' } });
  expect((await one.ended).stderr).toMatch(
    /^couplet: rank 0 waited 1 s in the start at 127\.0\.0\.1:\d+, and ranks 1 and 2 of 3 did not come\./,
  );
  const ended = await runRanks('late', 2, () => ({ TIMEOUT: '8' }));
  expect(ended[0].stderr).toMatch(
    /^couplet: rank 0 waited 8 s in the checkpoint, and rank 1 of 2 did not come\./,
  );
  expect([ended[1].code, ended[1].signal, ended[1].stderr]).toEqual([0, null, '']); // it ended without closing
});

test('a master that is not there, and one that accepts and never answers', async () => {
  const silent = createServer();
  await new Promise<void>((ready) => silent.listen(0, '127.0.0.1', ready));
  const { port } = silent.address() as { port: number };
  const started = [await freePort(), port].map((at) =>
    start({ scenario: 'config', env: { ...rankEnv(1, 2, at), TIMEOUT: '2' } }),
  );
  for (const { ended } of started) {
    const { stderr, code } = await ended;
    expect(stderr).toMatch(/^couplet: rank 1 .*127\.0\.0\.1:\d+/);
    expect(code).toBe(1);
  }
  silent.close();
});

test('a port in use', async () => {
  const busy = createServer();
  await new Promise<void>((ready) => busy.listen(0, ready));
  const { port } = busy.address() as { port: number };
  const { stderr } = await start({ scenario: 'config', env: { ...rankEnv(0, 2, port), TIMEOUT: '2' } }).ended;
  expect(stderr).toBe(
    `couplet: rank 0 cannot serve the ranks' store: port ${port} is in use on this machine. Set MASTER_PORT to a free port, the same on every rank.\n`,
  );
  busy.close();
});
