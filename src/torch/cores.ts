import { availableParallelism } from 'node:os';

/** Ranks on this machine, as launchers tell it; Slurm's is `2(x3)`, and set inside of a step only. */
const RANKS_HERE = [
  'LOCAL_WORLD_SIZE',
  'MPI_LOCALNRANKS',
  'OMPI_COMM_WORLD_LOCAL_SIZE',
  'SLURM_STEP_TASKS_PER_NODE',
];

/** This process's share of the cores, 1 or more: what Slurm gives each task, else those of the machine over its ranks. */
export function coresOfRank(
  env: Readonly<Record<string, string | undefined>> = process.env,
  cores = availableParallelism(),
): number {
  const name = RANKS_HERE.find((candidate) => env[candidate]);
  const perTask = Number(env.SLURM_CPUS_PER_TASK);
  if (name?.startsWith('SLURM') && perTask > 0) return Math.min(cores, perTask);
  const ranks = name ? Number.parseInt(env[name]!, 10) : 1;
  return Math.max(1, Math.floor(cores / (ranks > 0 ? ranks : 1)));
}
