import { availableParallelism } from 'node:os';

/** Variables with the number of ranks on this machine. Slurm's looks like `2(x3)`. */
const LOCAL_SIZE_VARIABLES = [
  'LOCAL_WORLD_SIZE',
  'MPI_LOCALNRANKS',
  'OMPI_COMM_WORLD_LOCAL_SIZE',
  'SLURM_STEP_TASKS_PER_NODE',
];

/** Cores for this process: Slurm's cores per task, else an equal share of the machine. */
export function coresOfRank(
  env: Readonly<Record<string, string | undefined>> = process.env,
  cores = availableParallelism(),
): number {
  const name = LOCAL_SIZE_VARIABLES.find((candidate) => env[candidate]);
  const perTask = Number(env.SLURM_CPUS_PER_TASK);
  if (name?.startsWith('SLURM') && perTask > 0) return Math.min(cores, perTask);
  const ranks = name ? Number.parseInt(env[name]!, 10) : 1;
  return Math.max(1, Math.floor(cores / (ranks > 0 ? ranks : 1)));
}
