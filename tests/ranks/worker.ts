// One rank of a test: runs the scenario that its argument names, prints a line of JSON, and ends as a command would.
import { readFileSync } from 'node:fs';
import { CoupletError } from '../../src/errors.ts';
import { SampleTable } from '../../src/methods/fastclip/sample-table.ts';
import { openRanks, type Ranks, ranksFromEnvironment } from '../../src/ranks/index.ts';
import { Store } from '../../src/torch/dist.ts';
import {
  backward,
  clearGrads,
  gradsOf,
  ones,
  resolveDevice,
  type Tensor,
  tensor,
} from '../../src/torch/index.ts';
import { LONGER_THAN_A_TEST } from './harness.ts';
import { model, pairLoss, rowsOf } from './problem.ts';

const { env } = process;
/** DEVICE=cuda runs the same scenarios over NCCL. */
const device = env.DEVICE === 'cuda' ? resolveDevice(`cuda:${env.LOCAL_RANK ?? 0}`) : 'cpu';
const values = (t: Tensor | null) => t?.toNumbers();
const gradsAsNumbers = (params: Iterable<Tensor>) => gradsOf([...params]).map(values);

function collectives(ranks: Ranks) {
  const { rank } = ranks;
  const mine = tensor([rank, 10 + rank], [1, 2]);
  const target = tensor(rank === 1 ? [7, 8, 9] : [0, 0, 0]);
  ranks.broadcast(target, { root: 1, label: 'weights' });
  return {
    gathered: values(ranks.allGather(mine, 'features')),
    ids: values(ranks.allGather(tensor(BigInt64Array.of(2n ** 40n + BigInt(rank))), 'ids')),
    flags: values(ranks.allGather(tensor([rank]).gt(0), 'flags')),
    half: values(ranks.allGather(tensor([rank + 0.5]).to('bfloat16'), 'half')),
    scalar: values(ranks.allGather(ones([]).mul(rank), 'scalars')),
    transposed: values(ranks.allGather(tensor([rank, 1, 2, 3], [2, 2]).t, 'strided')),
    sum: values(ranks.allReduceSum(mine, 'sums')),
    mean: values(ranks.allReduceMean(mine, 'means')),
    max: values(ranks.allReduceMax(mine, 'maxima')),
    halfSum: values(ranks.allReduceSum(tensor([rank + 0.5]).to('bfloat16'), 'half')),
    scattered: values(
      ranks.reduceScatter(tensor(Array.from({ length: ranks.worldSize }, (_, i) => i + rank)), 'scattered'),
    ),
    broadcast: values(target),
    untouched: values(mine),
    shared: ranks.share('the name', rank === 0 ? 'run-1' : undefined),
    // On GPUs the answer comes two calls late.
    wants: [false, rank === 1, false, false]
      .map((wanted) => ranks.anyWants(wanted))
      .filter((_, i) => i % 3 === 0),
    bytes: ranks.bytes(),
  };
}

function gatherGradient(ranks: Ranks) {
  const mine = rowsOf(3, { from: 2 * ranks.rank, count: 2 });
  ranks.resetBytes();
  const loss = pairLoss(ranks.allGatherWithGrad(mine, 'features'));
  // The gradient of the mean over ranks of a loss that all ranks compute alike: OpenCLIP's, without its local loss.
  backward(loss.div(ranks.worldSize));
  return { loss: loss.item(), grad: values(gradsOf([mine])[0]), bytes: ranks.bytes() };
}

function averaging(ranks: Ranks) {
  const steps: unknown[] = [];
  for (const overlap of [true, false]) {
    const { params, loss } = model(1, device);
    const averager = ranks.averager(params, { overlap, bucketBytes: 32 });
    ranks.resetBytes();
    for (let step = 0; step < 3; step++) {
      clearGrads([...params.values()]);
      if (step === 2) backward(loss(ranks.rank, 100)); // accumulated, not averaged
      averager.backward(loss(ranks.rank, step));
      steps.push(gradsAsNumbers(params.values()));
    }
    averager.dispose();
    backward(loss(ranks.rank, 0)); // hooks are gone: nothing is waited for
  }
  return { steps, bytes: ranks.bytes() };
}

function unused(ranks: Ranks) {
  return [true, false].map((overlap) => {
    const { params, loss } = model(1, device);
    params.set('idle', ones([2], { device }).requireGrad());
    try {
      return ranks.averager(params, { overlap }).backward(loss(ranks.rank, 0));
    } catch (error) {
      return (error as Error).message;
    }
  });
}

function twoGathers(ranks: Ranks) {
  ranks.allGather(ones([2]), 'features');
  if (ranks.rank === ranks.worldSize - 1) {
    if (env.FATE === 'kill') process.kill(process.pid, 'SIGKILL');
    if (env.FATE === 'hang') process.kill(process.pid, 'SIGSTOP');
    if (env.FATE === 'throw') throw ranks.failed(new CoupletError('data/shard-3.tar is truncated'));
  }
  const short = env.FATE === 'short' && ranks.rank === 1;
  return values(ranks.allGather(ones([short ? 1 : 2]), 'features'));
}

/** A process that dies while the others are in backward. */
function deathInBackward(ranks: Ranks) {
  const { params, loss } = model(1, device);
  const averager = ranks.averager(params);
  averager.backward(loss(ranks.rank, 0));
  if (ranks.rank === Number(env.DIES)) process.kill(process.pid, 'SIGKILL');
  averager.backward(loss(ranks.rank, 1));
}

/** Rank 1 has a sample that the table does not know. */
function idsBeyond(ranks: Ranks) {
  const table = new SampleTable({ datasetSize: 20, fill: [0, 0], device, ranks });
  const own = BigInt64Array.of(3n, ranks.rank === 1 ? 20n : 4n);
  table.read(ranks.allGather(tensor(own, [2], { device }), 'ids'));
}

/** Rank 0 works alone for WORK seconds, and says so or not, while the others wait. */
function longWork(ranks: Ranks): string {
  if (ranks.rank > 0) return ranks.share('the evaluation', undefined);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let parts = 0; parts < 10 * Number(env.WORK); parts++) {
    Atomics.wait(clock, 0, 0, 100);
    if (env.SAYS === 'yes') ranks.atWork();
  }
  return ranks.share('the evaluation', 'improved');
}

const scenarios: Record<string, (ranks: Ranks) => unknown> = {
  all: (ranks) => ({
    collectives: collectives(ranks),
    gather: gatherGradient(ranks),
    averaging: averaging(ranks),
  }),
  gatherGradient,
  unused,
  twoGathers,
  deathInBackward,
  idsBeyond,
  longWork,
  config: (ranks) => ranks.checkSame('config', env.CONFIG!),
  late: (ranks) => {
    if (ranks.rank === 0) ranks.barrier('the checkpoint');
  },
};

/** What torchrun's agent does: serves a store for the whole life of the ranks. */
function agent(): void {
  const store = Store.open({ host: '127.0.0.1', port: 0, isServer: true, timeoutMs: 5000 });
  process.stdout.write(`${JSON.stringify({ port: store.port })}\n`);
  setInterval(() => {}, 60_000); // until it is killed
}

function rank(scenario: string): void {
  process.stdout.write('ready\n');
  readFileSync(0); // until the others are ready too
  try {
    const place = ranksFromEnvironment(env);
    const ranks = openRanks({ device, place, timeoutMs: Number(env.TIMEOUT ?? LONGER_THAN_A_TEST) * 1000 });
    const report = scenarios[scenario](ranks);
    if (scenario !== 'late') ranks.close();
    process.stdout.write(`${JSON.stringify(report ?? null)}\n`);
  } catch (error) {
    process.exitCode = 1;
    const { message, stack } = error as Error;
    process.stderr.write(
      error instanceof CoupletError
        ? `couplet: ${message}
`
        : `${stack}
`,
    );
  }
}

if (process.argv[2] === 'agent') agent();
else rank(process.argv[2]);
