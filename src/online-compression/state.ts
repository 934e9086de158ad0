import { type Candidate, keyOf } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import type { Budget, Spent } from '../time/budget.ts';
import { type Averages, noProbes } from './averages.ts';

export type ProbeSpent = Omit<Spent, 'steps'>;
export type RunBudget = Pick<Budget, 'unit' | 'total' | 'spent' | 'progress' | 'isExceededBy'>;

export interface OnlineState {
  current: Candidate;
  /** With finite numbers. */
  usableProbes: number;
  /** Earliest step of the next probe: no batch is in two. */
  nextStep: number;
  /** By all probes. */
  spent: ProbeSpent;
  /** Seconds per forward of the last probe. */
  pace: number;
  averages: Averages;
}

/** Whole sequences, no probe yet. */
export const firstState = (whole: Candidate, nextStep: number): OnlineState => ({
  current: whole,
  usableProbes: 0,
  nextStep,
  spent: { forwards: 0, seconds: 0 },
  pace: 0,
  averages: noProbes,
});

/** `online` in state.json. */
export interface SavedOnlineState {
  /** By keyOf(). */
  current: string;
  probes: number;
  nextStep: number;
  spent: ProbeSpent;
  pace: number;
  averages: Omit<Averages, 'byCompression'> & { points: Averages['byCompression'] };
}

export function toSaved({ current, usableProbes, averages, ...rest }: OnlineState): SavedOnlineState {
  const { byCompression, ...sums } = averages;
  const saved = { current: keyOf(current), probes: usableProbes, ...rest };
  return structuredClone({ ...saved, averages: { ...sums, points: byCompression } });
}

/** Throws a CoupletError for other candidates, and for an earlier version. */
export function fromSaved(
  saved: SavedOnlineState | undefined,
  { grid, path }: { grid: readonly Candidate[]; path: string },
): OnlineState {
  const current = grid.find((candidate) => keyOf(candidate) === saved?.current);
  if (!saved || !current)
    throw new CoupletError(
      `${path} has no state of compression.online with these candidates: it belongs to another run. Resume with the config of that run.`,
    );
  if (saved.averages.progress === undefined)
    throw new CoupletError(
      `${path} was written by an earlier version, whose compression.online took other probes: start the run again, or resume it with that version.`,
    );
  const { probes, averages, ...rest } = structuredClone(saved);
  const { points, ...sums } = averages;
  return { ...rest, current, usableProbes: probes, averages: { ...sums, byCompression: points } };
}
