import { describe, expect, test } from 'vitest';
import { CoupletError } from '../errors.ts';
import { describeDifference } from './difference.ts';
import { expandHostlist } from './hostlist.ts';
import { deviceOfRank, openRanks } from './index.ts';
import { ranksFromEnvironment } from './ranks.ts';

const torchrun = {
  RANK: '3',
  LOCAL_RANK: '1',
  WORLD_SIZE: '4',
  LOCAL_WORLD_SIZE: '2',
  MASTER_ADDR: 'node1',
  MASTER_PORT: '29400',
};
const slurm = {
  SLURM_PROCID: '5',
  SLURM_LOCALID: '1',
  SLURM_NTASKS: '8',
  SLURM_NODEID: '2',
  SLURM_STEP_TASKS_PER_NODE: '2(x3),1(x2)',
  SLURM_JOB_NODELIST: 'gpu[07-09,12],big1',
  SLURM_JOB_ID: '1234567',
};
const openMpi = {
  OMPI_COMM_WORLD_RANK: '1',
  OMPI_COMM_WORLD_SIZE: '2',
  OMPI_COMM_WORLD_LOCAL_RANK: '1',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
};
const intelMpi = { PMI_RANK: '2', PMI_SIZE: '4', MPI_LOCALRANKID: '0', MPI_LOCALNRANKS: '2' };
const plain = { agentStore: false, restart: 0 };

describe('ranksFromEnvironment', () => {
  const alone = {
    rank: 0,
    localRank: 0,
    worldSize: 1,
    localWorldSize: 1,
    host: '127.0.0.1',
    port: 0,
    ...plain,
  };
  test.each([
    ['nothing', {}, alone],
    ['one rank', { ...torchrun, WORLD_SIZE: '1', RANK: '0' }, alone],
    ['one task of Slurm', { SLURM_NTASKS: '1', SLURM_PROCID: '0' }, alone],
    ['WORLD_SIZE=1 inside of a Slurm job', { ...slurm, WORLD_SIZE: '1' }, alone],
    [
      'torchrun',
      { ...torchrun, TORCHELASTIC_USE_AGENT_STORE: 'True', TORCHELASTIC_RESTART_COUNT: '2' },
      {
        rank: 3,
        localRank: 1,
        worldSize: 4,
        localWorldSize: 2,
        host: 'node1',
        port: 29_400,
        agentStore: true,
        restart: 2,
      },
    ],
    [
      'torchrun inside of Slurm: its own variables win',
      { ...slurm, ...torchrun },
      { rank: 3, localRank: 1, worldSize: 4, localWorldSize: 2, host: 'node1', port: 29_400, ...plain },
    ],
    [
      'srun',
      slurm,
      { rank: 5, localRank: 1, worldSize: 8, localWorldSize: 2, host: 'gpu07', port: 19_567, ...plain },
    ],
    [
      'srun with a master of its own',
      { ...slurm, MASTER_ADDR: '10.0.0.1', MASTER_PORT: '7' },
      { rank: 5, localRank: 1, worldSize: 8, localWorldSize: 2, host: '10.0.0.1', port: 7, ...plain },
    ],
    [
      'mpirun on one machine',
      openMpi,
      { rank: 1, localRank: 1, worldSize: 2, localWorldSize: 2, host: '127.0.0.1', port: 29_500, ...plain },
    ],
    [
      'Intel MPI on two',
      { ...intelMpi, MASTER_ADDR: 'a', MASTER_PORT: '1' },
      { rank: 2, localRank: 0, worldSize: 4, localWorldSize: 2, host: 'a', port: 1, ...plain },
    ],
    [
      'Kubeflow: no local rank',
      { RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: 'job-0', MASTER_PORT: '23456' },
      { rank: 1, localRank: 0, worldSize: 2, localWorldSize: 1, host: 'job-0', port: 23_456, ...plain },
    ],
  ])('%s', (_name, env, place) => {
    expect(ranksFromEnvironment(env)).toEqual(place);
  });

  test.each([
    ['a word for a number', { ...torchrun, RANK: 'first' }, /RANK is first: expected a whole number/],
    ['a rank too high', { ...torchrun, RANK: '4' }, /RANK is 4, but WORLD_SIZE is 4: ranks go from 0 to 3/],
    ['a local rank too high', { ...torchrun, LOCAL_RANK: '2' }, /local rank is 2, but LOCAL_WORLD_SIZE is 2/],
    [
      'more here than in all',
      { ...torchrun, LOCAL_WORLD_SIZE: '8' },
      /LOCAL_WORLD_SIZE is 8, but WORLD_SIZE is 4: expected at most 4 ranks/,
    ],
    ['no rank', { ...torchrun, RANK: '' }, /WORLD_SIZE is 4, but no variable says which rank/],
    ['no world size', { RANK: '1' }, /RANK is 1, but WORLD_SIZE is not set/],
    ['a world of none', { WORLD_SIZE: '0' }, /WORLD_SIZE is 0/],
    ['rank 1 of 1', { RANK: '1', WORLD_SIZE: '1' }, /RANK is 1, but WORLD_SIZE is 1/],
    ['no address', { ...torchrun, MASTER_ADDR: undefined }, /MASTER_ADDR is not set/],
    ['no port', { ...torchrun, MASTER_PORT: undefined }, /MASTER_PORT is not set/],
    ['a port out of range', { ...torchrun, MASTER_PORT: '70000' }, /MASTER_PORT is 70000: expected a port/],
    [
      'a batch script without srun',
      { SLURM_NTASKS: '4', SLURM_JOB_ID: '9' },
      /SLURM_NTASKS is 4.*Start every rank with srun/,
    ],
    [
      'tasks that cannot be read',
      { ...slurm, SLURM_STEP_TASKS_PER_NODE: 'two' },
      /expected counts such as 2\(x3\),1/,
    ],
  ])('refuses %s', (_name, env, message) => {
    expect(() => ranksFromEnvironment(env)).toThrow(message);
    expect(() => ranksFromEnvironment(env)).toThrow(CoupletError);
  });
});

test.each([
  ['node1', ['node1']],
  ['a,b', ['a', 'b']],
  ['n[1-3]', ['n1', 'n2', 'n3']],
  ['n[08-11,7],gpu5', ['n08', 'n09', 'n10', 'n11', 'n7', 'gpu5']],
  ['r[1-2]n[01-02]-ib', ['r1n01-ib', 'r1n02-ib', 'r2n01-ib', 'r2n02-ib']],
])('Slurm names %s', (list, names) => {
  expect(expandHostlist(list)).toEqual(names);
});

test('a range of hosts that is none is refused', () => {
  expect(() => expandHostlist('n[a-b]')).toThrow(/n\[a-b\] has the range a-b/);
});

test('each rank takes its own GPU, or the only one it is shown', () => {
  const place = (localRank: number) => ({ localRank, worldSize: 4 });
  expect(deviceOfRank('auto', place(2), 4)).toBe('cuda:2');
  expect(deviceOfRank('cuda', place(3), 1)).toBe('cuda:0');
  expect(deviceOfRank('auto', place(3), 0)).toBe('auto');
  expect(deviceOfRank('cpu', place(3), 4)).toBe('cpu');
  expect(deviceOfRank('cuda:1', { localRank: 0, worldSize: 1 }, 4)).toBe('cuda:1');
  expect(() => deviceOfRank('cuda:1', place(0), 4)).toThrow(/shared by 4 ranks/);
  expect(() => deviceOfRank('auto', place(2), 2)).toThrow(/local rank 2 has no GPU: this machine shows 2/);
});

test('a difference is told by path or by line, the first three', () => {
  const names = { mine: 'rank 1', theirs: 'rank 0' };
  const [a, b] = [
    { x: { y: 1 }, z: [1, 2], same: 0 },
    { x: {}, z: [1, 3], same: 0 },
  ];
  expect(describeDifference(JSON.stringify(a), JSON.stringify(b), names)).toBe(
    'x.y is 1 on rank 1, not set on rank 0; z.1 is 2 on rank 1, 3 on rank 0',
  );
  expect(describeDifference('a\nb', 'a\nc', names)).toBe('line 2 is "b" on rank 1, "c" on rank 0');
  expect(describeDifference('a\nb\nc\nd', '', names)).toMatch(/line 3 .*\(and 1 more\)$/);
});

test('the limit of waiting is a number of seconds', () => {
  const place = ranksFromEnvironment(torchrun);
  expect(() => openRanks({ device: 'cpu', place }, { COUPLET_RANKS_TIMEOUT_SECONDS: 'soon' })).toThrow(
    /is soon/,
  );
});
