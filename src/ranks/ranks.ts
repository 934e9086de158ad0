import { CoupletError } from '../errors.ts';
import { expandHostlist } from './hostlist.ts';

export interface Place {
  rank: number;
  /** Rank on this machine, which picks the GPU. */
  localRank: number;
  worldSize: number;
  localWorldSize: number;
  /** Address of rank 0, or of torchrun's store. */
  host: string;
  port: number;
  /** torchrun serves the store, so that every rank is a client. */
  agentStore: boolean;
  /** Count of torchrun's restarts, which its store outlives. */
  restart: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

// In the order of open_clip.
const RANK = ['RANK', 'PMI_RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'];
const WORLD_SIZE = ['WORLD_SIZE', 'PMI_SIZE', 'SLURM_NTASKS', 'OMPI_COMM_WORLD_SIZE'];
const LOCAL_RANK = ['LOCAL_RANK', 'MPI_LOCALRANKID', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK'];
const LOCAL_WORLD_SIZE = ['LOCAL_WORLD_SIZE', 'MPI_LOCALNRANKS', 'OMPI_COMM_WORLD_LOCAL_SIZE'];
/** PyTorch's default. */
const DEFAULT_PORT = 29_500;

interface Variable {
  name: string;
  value: number;
}

/** The first variable that is set. Throws a CoupletError for anything but a whole number. */
function firstOf(env: Environment, names: readonly string[]): Variable | undefined {
  const name = names.find((candidate) => env[candidate] !== undefined && env[candidate] !== '');
  if (name === undefined) return undefined;
  const text = env[name]!;
  if (!/^\d+$/.test(text)) throw new CoupletError(`${name} is ${text}: expected a whole number, 0 or more.`);
  return { name, value: Number(text) };
}

const ALONE: Place = {
  rank: 0,
  localRank: 0,
  worldSize: 1,
  localWorldSize: 1,
  host: '127.0.0.1',
  port: 0,
  agentStore: false,
  restart: 0,
};

/**
 * Reads this process's rank from the variables of torchrun, MPI or Slurm. Without a number of ranks above 1 it is alone.
 * Throws a CoupletError with the variable that is missing or wrong.
 */
export function ranksFromEnvironment(env: Environment = process.env): Place {
  const size = firstOf(env, WORLD_SIZE);
  if (!size || size.value <= 1) return alone(env, size);
  const rank = firstOf(env, RANK);
  if (!rank) throw new CoupletError(missingRank(size));
  if (rank.value >= size.value)
    throw new CoupletError(
      `${rank.name} is ${rank.value}, but ${size.name} is ${size.value}: ranks go from 0 to ${size.value - 1}.`,
    );
  const localRank = firstOf(env, LOCAL_RANK)?.value ?? 0;
  const localSize = localWorldSize(env);
  if (localSize && localRank >= localSize.value)
    throw new CoupletError(
      `The local rank is ${localRank}, but ${localSize.name} is ${localSize.value}: local ranks go from 0 to ${localSize.value - 1}.`,
    );
  if (localSize && localSize.value > size.value)
    throw new CoupletError(
      `${localSize.name} is ${localSize.value}, but ${size.name} is ${size.value}: expected at most ${size.value} ranks on this machine.`,
    );
  return {
    rank: rank.value,
    localRank,
    worldSize: size.value,
    localWorldSize: localSize?.value ?? localRank + 1,
    ...meetingPoint(env, { size, localSize }),
    agentStore: env.TORCHELASTIC_USE_AGENT_STORE === 'True',
    restart: firstOf(env, ['TORCHELASTIC_RESTART_COUNT'])?.value ?? 0,
  };
}

function alone(env: Environment, size: Variable | undefined): Place {
  if (size?.value === 0)
    throw new CoupletError(`${size.name} is 0: expected the number of ranks, 1 or more.`);
  const rank = env.RANK;
  if (rank !== undefined && rank !== '' && rank !== '0')
    throw new CoupletError(
      size
        ? `RANK is ${rank}, but ${size.name} is 1: ranks go from 0 to 0.`
        : `RANK is ${rank}, but WORLD_SIZE is not set. Set WORLD_SIZE to the number of ranks, or start with couplet train --nproc N.`,
    );
  return ALONE;
}

function missingRank({ name, value }: Variable): string {
  const how =
    name === 'SLURM_NTASKS'
      ? 'Start every rank with srun, or set WORLD_SIZE=1 to train in one process.'
      : 'Set RANK from 0 to one less than WORLD_SIZE, or start with couplet train --nproc N, torchrun --no_python, srun or mpirun.';
  return `${name} is ${value}, but no variable says which rank this is (${RANK.join(', ')}). ${how}`;
}

/** Slurm's `2(x3),1` is two tasks on each of three nodes, then one. */
function localWorldSize(env: Environment): Variable | undefined {
  const variable = firstOf(env, LOCAL_WORLD_SIZE);
  const name = 'SLURM_TASKS_PER_NODE';
  const perNode = env.SLURM_STEP_TASKS_PER_NODE ?? env[name];
  // Slurm's tasks are not the ranks of another launcher in a Slurm job.
  if (variable || !perNode || env.WORLD_SIZE || env.PMI_SIZE) return variable;
  const counts = perNode.split(',').flatMap((part) => {
    const match = /^(\d+)(?:\(x(\d+)\))?$/.exec(part.trim());
    if (!match) throw new CoupletError(`${name} is ${perNode}: expected counts such as 2(x3),1.`);
    return new Array<number>(Number(match[2] ?? 1)).fill(Number(match[1]));
  });
  const value = counts[firstOf(env, ['SLURM_NODEID'])?.value ?? 0];
  return value === undefined ? undefined : { name, value };
}

function meetingPoint(
  env: Environment,
  { size, localSize }: { size: Variable; localSize: Variable | undefined },
): { host: string; port: number } {
  const masterPort = firstOf(env, ['MASTER_PORT']);
  const hosts = env.SLURM_STEP_NODELIST ?? env.SLURM_JOB_NODELIST ?? env.SLURM_NODELIST;
  const oneMachine = localSize?.value === size.value;
  const host =
    env.MASTER_ADDR || (hosts && expandHostlist(hosts)[0]) || (oneMachine ? '127.0.0.1' : undefined);
  if (!host)
    throw new CoupletError(
      `${size.name} is ${size.value}, but MASTER_ADDR is not set: it is the address of rank 0, where the ranks meet. With mpirun, pass it on with -x MASTER_ADDR -x MASTER_PORT.`,
    );
  const job = firstOf(env, ['SLURM_JOB_ID', 'SLURM_JOBID']);
  // Jobs on one node need different ports.
  const port =
    masterPort?.value ?? (job ? 15_000 + (job.value % 10_000) : oneMachine ? DEFAULT_PORT : undefined);
  if (port === undefined)
    throw new CoupletError(
      `MASTER_ADDR is ${host}, but MASTER_PORT is not set: choose a free port there, the same on every rank.`,
    );
  if (port < 1 || port > 65_535)
    throw new CoupletError(`MASTER_PORT is ${port}: expected a port from 1 to 65535.`);
  return { host, port };
}
