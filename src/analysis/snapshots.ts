import { CoupletError } from '../errors.ts';
import { listCheckpoints, readState } from '../io/checkpoint-files.ts';
import type { Budget, Spent } from '../time/budget.ts';

/** A moment of a run that an analysis looks at. */
export interface Snapshot {
  /** Of the run, as in --at. */
  share: number;
  /** Spent share of the budget. */
  progress: number;
  step: number;
  /** Checkpoint folder; undefined before the first step: weights follow from the seed. */
  path?: string;
  /** By the run until then. */
  spent: Spent;
}

const NOTHING: Spent = { steps: 0, forwards: 0, seconds: 0 };
/** Greatest distance of a checkpoint from its share, if more than 1.5 steps. */
const MAX_DISTANCE = 0.01;

/** Throws a CoupletError that lists missing and available checkpoints. */
export async function findSnapshots(
  runDir: string,
  { shares, budget }: { shares: readonly number[]; budget: Pick<Budget, 'unit' | 'total'> },
): Promise<Snapshot[]> {
  const places = await listCheckpoints(runDir);
  const saved = places.map((place) => {
    const { spent } = readState(place);
    return { ...place, spent, progress: Math.min(1, spent[budget.unit] / budget.total) };
  });
  const known = [{ step: 0, spent: NOTHING, progress: 0 }, ...saved];
  const snapshots = shares.map((share) => {
    const nearest = known.reduce((best, next) =>
      Math.abs(next.progress - share) < Math.abs(best.progress - share) ? next : best,
    );
    const step = nearest.step > 0 ? nearest.progress / nearest.step : 0;
    const isNear = Math.abs(nearest.progress - share) <= Math.max(MAX_DISTANCE, 1.5 * step);
    return isNear ? { share, ...nearest } : undefined;
  });
  const missing = shares.filter((_, i) => !snapshots[i]);
  if (missing.length === 0) return snapshots as Snapshot[];
  const available = known.map(({ progress }) => percent(progress));
  throw new CoupletError(
    `${runDir} has no checkpoint at ${list(missing.map(percent))} of the run; there are ${list(available)}. Ask for those with --at, or train with checkpoint.every { share: 0.25 } and checkpoint.keep 5.`,
  );
}

const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;
const list = (words: readonly string[]) =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
