import { CoupletError } from '../errors.ts';
import { alone } from './alone.ts';
import { connect } from './connected.ts';
import type { Ranks } from './group.ts';
import { type Place, ranksFromEnvironment } from './ranks.ts';

export { alone, nothingToAverage } from './alone.ts';
export type { AveragerOptions, GradientAverager, Ranks, Traffic } from './group.ts';
export { type Place, ranksFromEnvironment } from './ranks.ts';

/** How long a rank waits for the others, at the start and in each collective. */
const DEFAULT_TIMEOUT_SECONDS = 600;

function timeoutOf(env: Readonly<Record<string, string | undefined>>): number {
  const text = env.COUPLET_RANKS_TIMEOUT_SECONDS;
  const value = text ? Number(text) : DEFAULT_TIMEOUT_SECONDS;
  if (value > 0 && Number.isFinite(value)) return value * 1000;
  throw new CoupletError(`COUPLET_RANKS_TIMEOUT_SECONDS is ${text}: expected seconds, more than 0.`);
}

/** The device of a rank where a config says which kind: its own GPU. A task that is shown only one GPU (Slurm) takes that one. */
export function deviceOfRank(
  wanted: string,
  { localRank, worldSize }: Pick<Place, 'localRank' | 'worldSize'>,
  cudaCount: number,
): string {
  if (worldSize > 1 && /^cuda:\d+$/.test(wanted))
    throw new CoupletError(
      `device ${wanted} would be shared by ${worldSize} ranks. Use 'auto' or 'cuda': each rank then takes its own.`,
    );
  const gpu = wanted === 'cuda' || (wanted === 'auto' && cudaCount > 0);
  if (!gpu || worldSize === 1 || cudaCount === 0) return wanted;
  if (localRank >= cudaCount && cudaCount > 1)
    throw new CoupletError(
      `local rank ${localRank} has no GPU: this machine shows ${cudaCount}. Start at most ${cudaCount} ranks here, or use device: 'cpu'.`,
    );
  return `cuda:${Math.min(localRank, cudaCount - 1)}`;
}

/** This process's ranks: alone when the environment names no others. `device` is 'cpu' or this rank's 'cuda:N'. */
export function openRanks(
  {
    device,
    place = ranksFromEnvironment(),
    timeoutMs,
  }: { device: string; place?: Place; timeoutMs?: number },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Ranks {
  if (place.worldSize === 1) return alone;
  return connect(place, { device, timeoutMs: timeoutMs ?? timeoutOf(env) });
}
