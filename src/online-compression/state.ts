import { z } from 'zod';
import { type Candidate, keyOf } from '../compress/index.ts';
import { CoupletError } from '../errors.ts';
import { checkJson } from '../io/json-file.ts';
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

const amount = z.number().min(0);
const spentSchema = z.object({ forwards: amount, seconds: amount });
const biasVariance = z.object({ biasSquared: z.number(), variance: z.number() });

/** `online` in state.json. */
const savedSchema = z.object({
  current: z.string().describe('compression of the next step'),
  probes: z.int().min(0).describe('probes whose numbers were finite'),
  nextStep: z.int().min(0).describe('earliest step of the next probe'),
  spent: spentSchema,
  pace: amount.describe('seconds per forward of the last probe'),
  averages: z.object({
    weight: amount,
    progress: z.number().min(0).max(1),
    gradientSquared: z.number(),
    points: z.record(z.string(), biasVariance),
  }),
});
export type SavedOnlineState = z.output<typeof savedSchema>;

export function toSaved({ current, usableProbes, averages, ...rest }: OnlineState): SavedOnlineState {
  const { byCompression, ...sums } = averages;
  const saved = { current: keyOf(current), probes: usableProbes, ...rest };
  return structuredClone({ ...saved, averages: { ...sums, points: byCompression } });
}

/** Throws a CoupletError for a damaged state, other candidates, and an earlier version. */
export function fromSaved(
  saved: unknown,
  { grid, path }: { grid: readonly Candidate[]; path: string },
): OnlineState {
  const { current: key, averages: found } = (saved ?? {}) as Partial<SavedOnlineState>;
  const current = grid.find((candidate) => keyOf(candidate) === key);
  if (!current)
    throw new CoupletError(
      `${path} has no state of compression.online with these candidates: it belongs to another run. Resume with the config of that run.`,
    );
  if (found && found.progress === undefined)
    throw new CoupletError(
      `${path} was written by an earlier version, whose compression.online took other probes: start the run again, or resume it with that version.`,
    );
  const place = { where: `${path}: online`, todo: 'Use another checkpoint.' };
  const { probes, averages, current: _, ...rest } = checkJson(saved, savedSchema, place);
  const { points, ...sums } = averages;
  return { ...rest, current, usableProbes: probes, averages: { ...sums, byCompression: points } };
}
