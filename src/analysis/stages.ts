import { CoupletError } from '../errors.ts';
import { readStateJson } from '../io/checkpoint.ts';
import { listCheckpoints } from '../io/checkpoint-files.ts';
import type { Budget, Spent } from '../time/budget.ts';

/** A moment of a run that is analysed. */
export interface Stage {
  /** Of the run, as it was asked for. */
  share: number;
  /** Of the budget that was spent when the checkpoint was written. */
  progress: number;
  step: number;
  /** The checkpoint's folder; undefined for the weights before the first step, which follow from the seed. */
  path?: string;
  /** Of the run until then. */
  spent: Spent;
}

const NOTHING: Spent = { steps: 0, forwards: 0, seconds: 0 };
/** How far from its share a checkpoint may be; or a step and a half, where that is more. */
const NEAR = 0.01;

/**
 * The checkpoints at these shares of a run. Throws a CoupletError that says which are missing, which there are and how to save them.
 */
export async function findStages(
  runDir: string,
  { shares, budget }: { shares: readonly number[]; budget: Pick<Budget, 'unit' | 'total'> },
): Promise<Stage[]> {
  const places = await listCheckpoints(runDir);
  const saved = await Promise.all(
    places.map(async ({ step, path }) => {
      const { spent } = (await readStateJson(path)) as unknown as { spent: Spent };
      return { step, path, spent, progress: Math.min(1, spent[budget.unit] / budget.total) };
    }),
  );
  const known = [{ step: 0, spent: NOTHING, progress: 0 }, ...saved];
  const found = shares.map((share) => {
    const nearest = known.reduce((best, next) =>
      Math.abs(next.progress - share) < Math.abs(best.progress - share) ? next : best,
    );
    const step = nearest.step > 0 ? nearest.progress / nearest.step : 0;
    const near = Math.abs(nearest.progress - share) <= Math.max(NEAR, 1.5 * step);
    return near ? { share, ...nearest } : undefined;
  });
  const missing = shares.filter((_, i) => !found[i]);
  if (missing.length === 0) return found as Stage[];
  const there = known.map(({ progress }) => percent(progress));
  throw new CoupletError(
    `${runDir} has no checkpoint at ${list(missing.map(percent))} of the run; there are ${list(there)}. Ask for those with --at, or train with checkpoint.every { share: 0.25 } and checkpoint.keep 5.`,
  );
}

const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;
const list = (words: readonly string[]) =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
