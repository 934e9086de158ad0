import { openFeed } from '../feed/index.ts';
import { Lookahead } from '../feed/lookahead.ts';
import type { RunParts } from './build.ts';
import { factsOf, type OnEvent, slowPrecision } from './events.ts';
import { fixedCrops, holderOf } from './held-towers.ts';
import { type Journal, openJournal } from './journal.ts';
import { BEGINNING, resumeRun } from './resume.ts';

export interface StartedRun {
  /** Updates done before. */
  step: number;
  /** It starts from another run's checkpoint. */
  isForeign: boolean;
  feed: Lookahead;
  /** Absent on all ranks but the first. */
  journal: Journal | undefined;
}

/** Restores the checkpoint to resume from, if any, and opens the feed and the journal. Collective. */
export async function startRun(
  run: RunParts,
  { resume, onEvent }: { resume: string | undefined; onEvent: OnEvent },
): Promise<StartedRun> {
  const { ranks, plan, method, encoder } = run;
  const warn = (message: string) => onEvent({ type: 'warning', message });
  const { step, isForeign, skipped } = resume ? await resumeRun(run, { resume, warn }) : BEGINNING;
  ranks.checkSame('the step to start from', String(step));
  const totalSteps = plan.totalSteps(step);
  const warnings = [slowPrecision(run), fixedCrops(run.config), method.advice?.(totalSteps)]; // may throw: before the feed has threads
  const feed = new Lookahead(
    await openFeed({
      ...run,
      workers: encoder.workers,
      startStep: step,
      skipped,
      onHold: (done, total) => onEvent({ type: 'holding', done, total }),
      ...holderOf(run, onEvent),
      onWarning: warn,
    }),
  );
  const journal = await openJournal(run, step).catch(async (error) => {
    await feed.close();
    throw error;
  });
  const facts = factsOf(run);
  await journal?.writeData(facts.data);
  onEvent({ type: 'start', step, totalSteps, facts });
  for (const message of warnings) if (message) warn(message);
  return { step, isForeign, feed, journal };
}
