import { expect, test } from 'vitest';
import { coresOfRank } from './cores.ts';

test.each([
  ['alone', {}, 16],
  ['torchrun or --nproc', { LOCAL_WORLD_SIZE: '4' }, 4],
  ['mpirun', { OMPI_COMM_WORLD_LOCAL_SIZE: '2' }, 8],
  ['MPICH', { MPI_LOCALNRANKS: '8' }, 2],
  ['srun', { SLURM_STEP_TASKS_PER_NODE: '4(x2)' }, 4],
  ['srun, cores of its own', { SLURM_STEP_TASKS_PER_NODE: '2', SLURM_CPUS_PER_TASK: '6' }, 6],
  ['srun, more than there are', { SLURM_STEP_TASKS_PER_NODE: '1', SLURM_CPUS_PER_TASK: '32' }, 16],
  [
    'torchrun under srun',
    { LOCAL_WORLD_SIZE: '8', SLURM_STEP_TASKS_PER_NODE: '1', SLURM_CPUS_PER_TASK: '16' },
    2,
  ],
  ['more ranks than cores', { LOCAL_WORLD_SIZE: '32' }, 1],
  ['an allocation, outside of a step', { SLURM_TASKS_PER_NODE: '4', SLURM_CPUS_PER_TASK: '2' }, 16],
])('cores of 16: %s', (_what, env, expected) => {
  expect(coresOfRank(env, 16)).toBe(expected);
});
