import { type Compression, compressionSchedule, compressionStages, refuseResNet } from '../compress/index.ts';
import type { RunConfig } from '../config/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { candidatesOf, OnlineCompression, scaleOf, withOnlineDefaults } from '../online-compression/index.ts';
import type { Budget } from '../time/budget.ts';
import type { Schedule } from '../time/schedules.ts';
import type { CostOfStep } from './budget.ts';
import type { ResolvedConfig } from './resolve.ts';

/** After so many steps Adam's second moments are good enough to weigh gradients. */
export const MOMENT_STEPS = 10;

/** A config's compression with the stages of its file and all defaults. */
export function fullCompression(
  { compression, method, optimizer }: RunConfig,
  model: AnyModelSpec,
): RunConfig['compression'] {
  if (!compression) return undefined;
  const { image } = model;
  refuseResNet(image);
  if (!compression.online) return { stages: compressionStages(compression, image) };
  const grid = candidatesOf(compression.online, { method, model });
  return { online: withOnlineDefaults(compression.online, { grid, optimizer }) };
}

/** By progress. undefined: sequences stay whole, or the run chooses. */
export function scheduledCompression({
  config: { compression },
  model: { image },
}: ResolvedConfig): ((progress: number) => Compression) | undefined {
  if (!compression || compression.online) return undefined;
  refuseResNet(image);
  return compressionSchedule(compression, image);
}

export function onlineCompression(
  { config, model }: ResolvedConfig,
  { budget, cost, rateShare }: { budget: Budget; cost: CostOfStep; rateShare: Schedule },
): OnlineCompression | undefined {
  const { compression, method, optimizer, stepTimes, batch } = config;
  if (!compression?.online) return undefined;
  const { overhead, gradientCompute } = compression.online;
  const secondsOf = stepTimes && ((candidate: Compression) => cost(candidate).seconds!);
  return new OnlineCompression({
    budget,
    grid: candidatesOf(compression.online, { method, model }),
    globalBatchSize: batch.globalBatchSize,
    overhead,
    firstStep: scaleOf(compression.online, optimizer) === 'adam' ? MOMENT_STEPS : 0,
    gradientCompute,
    rateShare,
    ...(secondsOf && { secondsOf }),
  });
}
