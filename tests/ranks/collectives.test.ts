import { beforeAll, describe, expect, test } from 'vitest';
import { backward, gradsOf, scope } from '../../src/torch/index.ts';
import { type Ended, freePort, rankEnv, runRanks, start } from './harness.ts';
import { model, pairLoss, rowsOf } from './problem.ts';

/** DEVICE=cuda: over NCCL, on a machine with a GPU for each rank. */
const onGpu = process.env.DEVICE === 'cuda';
const counts = onGpu ? [2] : [2, 4];

const mean = (lists: number[][]) =>
  lists[0].map((_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);

/** Gradients of one rank's loss, computed in this process alone. */
function localGradients(rank: number, steps: number[]): number[][] {
  return scope(() => {
    const { params, loss } = model(1);
    for (const step of steps) backward(loss(rank, step));
    return gradsOf([...params.values()]).map((grad) => grad!.toNumbers());
  });
}

describe.each(counts)('%i ranks', (count) => {
  const all = Array.from({ length: count }, (_, rank) => rank);
  let ended: Ended[];
  beforeAll(async () => {
    ended = await runRanks('all', count);
    for (const { code, stderr } of ended) expect([code, stderr]).toEqual([0, '']);
  });

  // @proves SampleTable, gatherSamples
  test('every collective gives every rank its values, and counts what a ring moves', () => {
    const sum = (count * (count - 1)) / 2;
    for (const [rank, { report: whole }] of ended.entries()) {
      const report = whole.collectives;
      expect(report).toMatchObject({
        gathered: all.flatMap((k) => [k, 10 + k]),
        ids: all.map((k) => 2 ** 40 + k),
        flags: all.map((k) => (k > 0 ? 1 : 0)),
        half: all.map((k) => k + 0.5),
        scalar: all,
        transposed: all.flatMap((k) => [k, 2, 1, 3]),
        sum: [sum, 10 * count + sum],
        mean: [sum / count, 10 + sum / count],
        max: [count - 1, 9 + count],
        halfSum: [sum + 0.5 * count],
        scattered: [count * rank + sum],
        broadcast: [7, 8, 9],
        untouched: [rank, 10 + rank],
        shared: 'run-1',
        wants: [false, true],
      });
      const others = count - 1;
      const moved = (bytes: number, calls = 1) => ({ calls, bytesSent: bytes, bytesReceived: bytes });
      expect(report.bytes).toMatchObject({
        features: moved(others * 8),
        ids: moved(others * 8),
        sums: moved((2 * 8 * others) / count),
        scattered: moved(others * 4),
        weights: { calls: 1, bytesSent: rank === 1 ? 12 : 0, bytesReceived: rank === 1 ? 0 : 12 },
      });
    }
  });

  // @proves #gathered
  test('the gradient through all-gather is that of one process with all rows', () => {
    const expected = scope(() => {
      const rows = rowsOf(3, { from: 0, count: 2 * count });
      const loss = pairLoss(rows);
      backward(loss);
      return { loss: loss.item(), grad: gradsOf([rows])[0]!.toNumbers() };
    });
    const grad = ended.flatMap(({ report }) => report.gather.grad as number[]);
    expect(grad).toHaveLength(expected.grad.length);
    for (const [i, value] of expected.grad.entries())
      expect(Math.abs(grad[i] - value)).toBeLessThan(1e-12 * Math.max(1, Math.abs(value)));
    for (const { gather: report } of ended.map((end) => end.report)) {
      expect(report.loss).toBe(expected.loss);
      const moved = { calls: 1, bytesSent: (count - 1) * 48, bytesReceived: (count - 1) * 48 };
      expect(report.bytes).toEqual({ features: moved, features_gradient: moved });
    }
  });

  // @proves OverlappedAverager
  test('gradients become the mean over ranks, while backward runs or after it, also accumulated ones', () => {
    const expected = [[0], [1], [100, 2]].map((steps) => {
      const perRank = all.map((rank) => localGradients(rank, steps));
      return perRank[0].map((_, p) => mean(perRank.map((grads) => grads[p])));
    });
    for (const { averaging: report } of ended.map((end) => end.report)) {
      for (const [at, grads] of (report.steps as number[][][]).entries()) {
        for (const [p, grad] of grads.entries()) {
          // Two floats have an exact mean up to one rounding, whichever way it is taken.
          const exact = expected[at % 3][p].map(Math.fround);
          if (count === 2 && !onGpu) expect(grad).toEqual(exact);
          else
            for (const [i, value] of exact.entries())
              expect(Math.abs(grad[i] / value - 1)).toBeLessThan(onGpu ? 1e-5 : 1e-6);
        }
      }
      const bytes = 3 * ((2 * 16 * 4 * (count - 1)) / count);
      expect(report.bytes.gradients).toEqual({ calls: 3, bytesSent: bytes, bytesReceived: bytes });
    }
  });
});

test('under torchrun the launcher serves the store, and every rank is a client', async () => {
  const agent = start({ scenario: 'agent', env: {} });
  const port = await new Promise<number>((resolve) =>
    agent.child.stdout!.once('data', (text) => resolve(JSON.parse(text).port)),
  );
  const extra = { TORCHELASTIC_USE_AGENT_STORE: 'True' };
  // The store outlives a restart of the ranks.
  for (const restart of ['0', '1']) {
    const ranks = [0, 1].map((rank) =>
      start({
        scenario: 'gatherGradient',
        env: { ...rankEnv(rank, 2, port), ...extra, TORCHELASTIC_RESTART_COUNT: restart },
      }),
    );
    for (const { ended } of ranks) expect((await ended).stderr).toBe('');
  }
  agent.child.kill('SIGKILL');
  await agent.ended;
});

test('a rank alone is the identity and needs no one', async () => {
  const { ended } = start({ scenario: 'gatherGradient', env: { MASTER_PORT: String(await freePort()) } });
  const { report, code } = await ended;
  expect([code, report.bytes]).toEqual([0, {}]);
});
