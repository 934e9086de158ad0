import { isDeepStrictEqual } from 'node:util';
import type { Compression } from '../compress/index.ts';
import type { Served } from '../feed/index.ts';
import type { Lookahead } from '../feed/lookahead.ts';
import { adamStateOf } from '../gradient-error/adam-scale.ts';
import type { Probe } from '../online-compression/averages.ts';
import { takeProbe } from '../online-compression/probe.ts';
import type { StepContext } from '../time/clock.ts';
import { scope, synchronize } from '../torch/index.ts';
import type { RunParts } from './build.ts';
import type { TrainTimer } from './timer.ts';

/** What follows from a probe, for whoever shows it. */
export type ProbeEvent =
  | { type: 'compression'; step: number; compression: Compression } // steps from this one on are taken with it
  | { type: 'warning'; message: string };

export interface ProbeMoment {
  /** Of the step that comes next, and its batch. */
  clock: StepContext;
  batch: Served;
  feed: Lookahead;
  timer: TrainTimer;
  onEvent: (event: ProbeEvent) => void;
}

/**
 * Takes the probe that is due before a step, if one is, and spends what it costs from the run's budget. Returns whether there was one:
 * the step's clock is another then.
 */
export async function probeIfDue(parts: RunParts, moment: ProbeMoment): Promise<boolean> {
  const { plan, ranks, device } = parts;
  const { online, budget } = plan;
  const { clock, batch, feed, timer, onEvent } = moment;
  const { step } = clock;
  if (!online?.isDue(step)) return false;
  const next = await feed.peek();
  synchronize(device); // what steps have left to do is not the probe's
  const left = timer.lap(budget);
  const byTable = online.probeSeconds;
  if (byTable === undefined) budget.spend({ steps: 0, forwards: 0, seconds: left });
  const found = scope(() =>
    takeProbe(parts, {
      compressions: online.candidates,
      batches: [batch.onDevice(), next.onDevice()],
      clock,
      device,
      ...(inAdamsScale(parts) && { adam: adamStateOf(parts) }),
    }),
  );
  // All ranks have the same gradients; they must choose alike to the last bit.
  const probe = JSON.parse(ranks.share('a probe', JSON.stringify(found))) as Probe;
  const lap = timer.lap(budget);
  const spent = { forwards: online.probeForwards, seconds: byTable ?? lap };
  budget.spend({ steps: 0, ...spent });
  const before = online.current;
  const used = online.add(probe, { step, spent });
  const message = `at step ${step} a probe of compression.online is not finite, and is not used`;
  if (!used) onEvent({ type: 'warning', message });
  const compression = online.current;
  if (!isDeepStrictEqual(before, compression)) onEvent({ type: 'compression', step, compression });
  return true;
}

const inAdamsScale = ({ config }: RunParts) => config.compression?.online?.scale === 'adam';
