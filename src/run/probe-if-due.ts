import { isDeepStrictEqual } from 'node:util';
import type { PendingBatch } from '../feed/index.ts';
import type { Lookahead } from '../feed/lookahead.ts';
import { adamStateOf } from '../gradient-error/adam-scale.ts';
import type { Probe } from '../online-compression/averages.ts';
import { takeProbe } from '../online-compression/probe.ts';
import type { StepContext } from '../time/clock.ts';
import { scope, synchronize } from '../torch/index.ts';
import type { RunParts } from './build.ts';
import type { OnEvent } from './events.ts';
import type { TrainTimer } from './timer.ts';

export interface ProbeMoment {
  /** Of the next step, as its batch. */
  context: StepContext;
  batch: PendingBatch;
  feed: Lookahead;
  timer: TrainTimer;
  onEvent: OnEvent;
}

/**
 * Takes a probe before a step, if one is due, and spends its cost from the budget. Returns whether it did, which changes the step's
 * context. Collective.
 */
export async function probeIfDue(parts: RunParts, moment: ProbeMoment): Promise<boolean> {
  const { plan, ranks, device } = parts;
  const { online, budget } = plan;
  const { context, batch, feed, timer, onEvent } = moment;
  const { step } = context;
  if (!online?.isDue(step)) return false;
  const next = await feed.peek();
  synchronize(device); // work that earlier steps left is not part of the probe
  const secondsBefore = timer.lap(budget);
  const tableSeconds = online.probeSeconds;
  if (tableSeconds === undefined) budget.spend({ steps: 0, forwards: 0, seconds: secondsBefore });
  const ownProbe = scope(() =>
    takeProbe(parts, {
      compressions: online.candidates,
      batches: [batch.toDevice(), next.toDevice()],
      clock: context,
      device,
      ...(weighsByMoments(parts) && { adam: adamStateOf(parts) }),
    }),
  );
  // All ranks have the same gradients; they must choose alike to the last bit.
  const probe = JSON.parse(ranks.share('a probe', JSON.stringify(ownProbe))) as Probe;
  const seconds = timer.lap(budget);
  const spent = { forwards: online.probeForwards, seconds: tableSeconds ?? seconds };
  budget.spend({ steps: 0, ...spent });
  const before = online.current;
  const isUsed = online.add(probe, { step, spent });
  const message = `at step ${step} a probe of compression.online is not finite, and is not used`;
  if (!isUsed) onEvent({ type: 'warning', message });
  const compression = online.current;
  if (!isDeepStrictEqual(before, compression)) onEvent({ type: 'compression', step, compression });
  return true;
}

const weighsByMoments = ({ config }: RunParts) => config.compression?.online?.scale === 'adam';
