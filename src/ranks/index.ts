import { CoupletError } from '../errors.ts';
import { alone } from './alone.ts';
import { connect } from './connected.ts';
import type { Ranks } from './group.ts';
import { type Place, ranksFromEnvironment } from './ranks.ts';

export { alone, nothingToAverage } from './alone.ts';
export type { AveragerOptions, GradientAverager, Ranks, Traffic } from './group.ts';
export { type Place, ranksFromEnvironment } from './ranks.ts';

const DEFAULT_TIMEOUT_SECONDS = 600;

function timeoutOf(env: Readonly<Record<string, string | undefined>>): number {
  const text = env.COUPLET_RANKS_TIMEOUT_SECONDS;
  const value = text ? Number(text) : DEFAULT_TIMEOUT_SECONDS;
  if (value > 0 && Number.isFinite(value)) return value * 1000;
  throw new CoupletError(`COUPLET_RANKS_TIMEOUT_SECONDS is ${text}: expected seconds, more than 0.`);
}

/** The device of a rank. A Slurm task that sees a single GPU uses that one, whatever its local rank. */
export function deviceOfRank(
  device: string,
  { localRank, worldSize }: Pick<Place, 'localRank' | 'worldSize'>,
  cudaCount: number,
): string {
  if (worldSize > 1 && /^cuda:\d+$/.test(device))
    throw new CoupletError(
      `device ${device} would be shared by ${worldSize} ranks. Use 'auto' or 'cuda': each rank then takes its own.`,
    );
  const gpu = device === 'cuda' || (device === 'auto' && cudaCount > 0);
  if (!gpu || worldSize === 1 || cudaCount === 0) return device;
  if (localRank >= cudaCount && cudaCount > 1)
    throw new CoupletError(
      `local rank ${localRank} has no GPU: this machine shows ${cudaCount}. Start at most ${cudaCount} ranks here, or use device: 'cpu'.`,
    );
  return `cuda:${Math.min(localRank, cudaCount - 1)}`;
}

/** Connects to the ranks that the environment names. `device` is 'cpu' or this rank's 'cuda:N'. Throws a CoupletError. */
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
