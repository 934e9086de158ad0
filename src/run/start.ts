import type { Problems } from '../data/index.ts';
import { openFeed } from '../feed/index.ts';
import { Lookahead } from '../feed/lookahead.ts';
import type { RunParts } from './build.ts';
import { restoreRun } from './checkpoint.ts';
import { factsOf, type OnEvent, slowPrecision } from './events.ts';
import { findCheckpoint, removeLater } from './find-checkpoint.ts';
import { type Journal, openJournal } from './journal.ts';

export interface StartedRun {
  /** Updates done before. */
  step: number;
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
  const { step, skipped } = resume ? await resumeRun(run, { resume, warn }) : BEGINNING;
  ranks.checkSame('the step to start from', String(step));
  const totalSteps = plan.totalSteps(step);
  const warnings = [slowPrecision(run), method.advice?.(totalSteps)]; // may throw: before the feed has threads
  const feed = new Lookahead(
    await openFeed({
      ...run,
      workers: encoder.workers,
      startStep: step,
      skipped,
      onHold: (done, total) => onEvent({ type: 'holding', done, total }),
      onWarning: warn,
    }),
  );
  const journal = await openJournal(run, step).catch(async (error) => {
    await feed.close();
    throw error;
  });
  onEvent({ type: 'start', step, totalSteps, facts: factsOf(run) });
  for (const message of warnings) if (message) warn(message);
  return { step, feed, journal };
}

interface StartPoint {
  step: number;
  /** Samples that could not be read before. */
  skipped: Problems;
}

const BEGINNING: StartPoint = { step: 0, skipped: { count: 0, first: [] } };

async function resumeRun(
  run: RunParts,
  { resume, warn }: { resume: string; warn: (message: string) => void },
): Promise<StartPoint> {
  const { runDir, ranks } = run;
  const checkpoint = await findCheckpoint(runDir, resume, { flag: '--resume', onDamaged: warn });
  if (!checkpoint) {
    warn(`${runDir} has no checkpoint: the run starts from the beginning`);
    return BEGINNING;
  }
  const { step } = checkpoint;
  const { skipped } = await restoreRun(run, checkpoint);
  ranks.barrier('the resume');
  const removed = ranks.rank === 0 ? await removeLater(runDir, step) : [];
  for (const later of removed) warn(`${later.path} is removed: its steps are run again`);
  return { step, skipped };
}
