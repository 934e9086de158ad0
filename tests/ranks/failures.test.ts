import { expect, test } from 'vitest';
import { runRanks, startRanks } from './harness.ts';

test.each([
  ['killed', 'kill', 4, /^couplet: rank 3 does not answer any more: .*the all-gather of features failed/],
  ['stopped by a cause of its own', 'throw', 2, /^couplet: rank 1 stopped: data\/shard-3\.tar is truncated$/],
])(
  'a rank that is %s (%s, %i ranks): the others end at once and name it',
  async (_what, fate, count, sentence) => {
    const ended = await runRanks('twoGathers', count, () => ({ FATE: fate }));
    for (const { code, stderr } of ended.slice(0, -1)) {
      expect(stderr.trim()).toMatch(sentence);
      expect(code).toBe(1);
    }
    expect(ended.at(-1)!.stderr).toBe(fate === 'throw' ? 'couplet: data/shard-3.tar is truncated\n' : '');
  },
);

test('a rank that hangs: the others end within the limit and name it', async () => {
  const started = await startRanks('twoGathers', 2, () => ({ FATE: 'hang', TIMEOUT: '8' }));
  const { code, stderr } = await started[0].ended;
  started[1].child.kill('SIGKILL');
  await started[1].ended;
  expect(stderr).toMatch(/^couplet: rank 1 does not answer any more: ended, hanging, or slower than 8 s\./);
  expect(code).toBe(1);
});

test.each([0, 1])('rank %i dies while gradients are averaged (rank 0 serves the store)', async (dies) => {
  const ended = await runRanks('deathInBackward', 2, () => ({ DIES: String(dies) }));
  expect(ended[dies].signal).toBe('SIGKILL');
  const { stderr, code } = ended[1 - dies];
  expect(stderr.trim()).toMatch(
    new RegExp(
      `^couplet: rank ${dies} does not answer any more: .*rank ${1 - dies}: averaging of gradients failed`,
    ),
  );
  expect(code).toBe(1);
});

test('a rank that works longer than the limit is waited for while it says so, and no longer', async () => {
  const [says, silent] = ['yes', 'no'].map((SAYS) =>
    runRanks('longWork', 2, () => ({ SAYS, WORK: '12', TIMEOUT: '6' })),
  );
  for (const { code, report, stderr } of await says)
    expect([code, report, stderr]).toEqual([0, 'improved', '']);
  expect((await silent)[1].stderr).toMatch(
    /^couplet: rank 1 waited 6 s in the evaluation, and rank 0 of 2 did not come\./,
  );
});

test('ranks that bring different shapes end before anything is sent', async () => {
  const ended = await runRanks('twoGathers', 2, () => ({ FATE: 'short', TIMEOUT: '8' }));
  // Rank 1 asks whether its new shape is right, while rank 0 is in the collective that it knows.
  expect(ended[1].stderr).toMatch(/^couplet: rank 1 waited 8 s in the comparison of collective/);
  expect(ended.map(({ code }) => code)).toEqual([1, 1]);
});

test('a parameter without gradient is named, with and without overlap', async () => {
  for (const { report } of await runRanks('unused', 2)) {
    expect(report).toHaveLength(2);
    for (const message of report) expect(message).toMatch(/^backward gave no gradient to .*idle: /);
  }
});

test('ids beyond the index: every rank says whose', async () => {
  for (const { code, stderr } of await runRanks('idsBeyond', 2)) {
    expect(stderr).toBe(
      'couplet: rank 1 has a sample with id 20, but the data has 20 samples, from 0 to 19. Start every rank on the same data.\n',
    );
    expect(code).toBe(1);
  }
});
