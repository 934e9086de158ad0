// All numbers that follow from a config and the size of its data.
import { type Duration, durationToSteps, type PartDuration } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import type { OnlineCompression } from '../online-compression/index.ts';
import type { Budget, StepCost } from '../time/budget.ts';
import { type StepContext, stepContextAt } from '../time/clock.ts';
import { budgetOf, costOfStep, stepsOf } from './budget.ts';
import { onlineCompression, scheduledCompression } from './compression.ts';
import { learningRate, scheduledWeightDecay } from './rates.ts';
import type { ResolvedConfig } from './resolve.ts';

export interface StepEnd {
  /** Updates done. */
  step: number;
  progressBefore: number;
  progress: number;
}

export interface Plan extends ResolvedConfig {
  budget: Budget;
  logEvery: number;
  evaluatesAfter(end: StepEnd): boolean;
  savesAfter(end: StepEnd): boolean;
  online?: OnlineCompression;
  /** Where the budget does not fix it, an estimate after `step` updates; Infinity after none. */
  totalSteps(step: number): number;
  /** Of the step after `step` updates, at the budget's progress. */
  contextAt(step: number): StepContext;
  costOf(context: Pick<StepContext, 'compression'>): StepCost;
}

/**
 * Throws a CoupletError for data of one sample, and for a duration that pays for no step.
 * @equation FastCL 3.3: lr(s) = peak (1 - s^2) after the warm-up
 * @equation FastCL 7.3: weight decay along half a cosine
 */
export function planOf(resolved: ResolvedConfig, datasetSize: number): Plan {
  const { config } = resolved;
  const { globalBatchSize } = config.batch;
  if (datasetSize === 1)
    throw new CoupletError(
      'data.train has one sample, and contrast needs others to compare it with: give a few hundred at least.',
    );
  const toSteps = (duration: Duration, path: string) =>
    durationToSteps(duration, { globalBatchSize, datasetSize, path });
  const cost = costOfStep(resolved);
  const scheduled = scheduledCompression(resolved);
  const costs = { cost, compression: scheduled };
  const budget = budgetOf(config, { ...costs, toSteps: (duration) => toSteps(duration, 'duration') });
  // Online choices decide how many steps a budget in forwards or seconds buys.
  const isOpen = config.compression?.online && budget.unit !== 'steps';
  const knownSteps = isOpen ? undefined : stepsOf(budget, costs);
  const { lr, rateShare } = learningRate(config, {
    totalSteps: knownSteps,
    toSteps: (duration) => toSteps(duration, 'schedule.warmup'),
  });
  const weightDecay = scheduledWeightDecay(config);
  const online = onlineCompression(resolved, { budget, cost, rateShare });
  const compression = online ? () => online.current : scheduled;
  const totalSteps = (step: number) =>
    knownSteps ?? (budget.progress > 0 ? step / budget.progress : Infinity);
  return {
    ...resolved,
    budget,
    logEvery: config.log.every.steps,
    evaluatesAfter: every(config.evaluate.every, (duration) => toSteps(duration, 'evaluate.every')),
    savesAfter: every(config.checkpoint.every, (duration) => toSteps(duration, 'checkpoint.every')),
    ...(online && { online }),
    totalSteps,
    contextAt: (step) =>
      stepContextAt(step, {
        totalSteps: totalSteps(step),
        globalBatchSize,
        datasetSize,
        progress: budget.progress,
        lr,
        ...(weightDecay && { weightDecay }),
        ...(compression && { compression }),
      }),
    costOf: ({ compression }) => cost(compression),
  };
}

function every(
  interval: PartDuration | undefined,
  toSteps: (duration: Duration) => number,
): (end: StepEnd) => boolean {
  if (!interval) return () => false;
  if ('share' in interval) {
    const intervals = (progress: number) => Math.floor(progress / interval.share + 1e-9);
    return ({ progressBefore, progress }) => intervals(progress) > intervals(progressBefore);
  }
  const steps = toSteps(interval);
  return ({ step }) => step % steps === 0;
}
