// A run's config in numbers: its budget, its schedules, and what happens how often.

import {
  type Compression,
  compressionSchedule,
  compressionStages,
  refuseResNet,
  secondsOf,
} from '../compress/index.ts';
import { type Duration, durationToSteps, type PartDuration, type RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { candidatesOf, OnlineCompression, scaleOf, withOnlineDefaults } from '../online-compression/index.ts';
import { Budget, type StepCost, stepsWithin } from '../time/budget.ts';
import { type StepContext, stepContextAt } from '../time/clock.ts';
import { afterWarmup, cosine, polynomial, type Schedule, withWarmup } from '../time/schedules.ts';

/** Two moments of a run: before a step and after it. */
interface Moments {
  step: number;
  before: number;
  after: number;
}

/** Whether something that happens every so often happens after a step. */
export type Due = (at: Moments) => boolean;

export interface Plan {
  budget: Budget;
  evaluate: Due;
  save: Due;
  logEvery: number;
  /** Where the run chooses its compression itself. */
  online?: OnlineCompression;
  /** Steps in all; where nobody knows how many the budget buys, by the pace so far, and without one infinite. */
  totalSteps(step: number): number;
  /** The clock before `step`, by what the budget says is spent. */
  clock(step: number): StepContext;
  /** What the step at this clock costs. */
  cost(clock: Pick<StepContext, 'compression'>): StepCost;
}

/** What a plan is made from besides the config. */
export interface PlanContext {
  datasetSize: number;
  model: AnyModelSpec;
}

/** Throws a CoupletError for data of one sample, for a duration of less than a step, and for a budget that pays for none. */
export function planOf(config: RunConfig, context: PlanContext): Plan {
  const { datasetSize } = context;
  if (datasetSize === 1)
    throw new CoupletError(
      'The data has one sample, and nothing to tell it from: give more, a few hundred at least.',
    );
  const schedule = compressionOf(config, context);
  const { globalBatchSize } = config.batch;
  const steps = (duration: Duration, path: string) =>
    durationToSteps(duration, { globalBatchSize, datasetSize, path });
  const cost = costOf(config, context);
  const course = { cost, ...(schedule && { compression: schedule }) };
  const budget = budgetOf(config, { steps, ...course });
  // A probe's choice decides how many steps a budget in forwards or seconds buys.
  const known =
    config.compression?.online && budget.unit !== 'steps' ? undefined : totalStepsOf(budget, course);
  const rates = ratesOf(config, {
    totalSteps: known,
    steps: (duration) => steps(duration, 'schedule.warmup'),
  });
  const online = onlineOf(config, { ...context, budget, cost, rateShare: rates.share });
  const compression = online ? () => online.current : schedule;
  const totalSteps = (step: number) => known ?? (budget.progress > 0 ? step / budget.progress : Infinity);
  const due = (duration: PartDuration | undefined, path: string): Due => {
    if (!duration) return () => false;
    if ('share' in duration)
      return ({ before, after }) => timesIn(after, duration) > timesIn(before, duration);
    const every = steps(duration, path);
    return ({ step }) => step % every === 0;
  };
  const schedules = {
    lr: rates.lr,
    ...weightDecayOf(config),
    ...(compression && { compression }),
  };
  return {
    budget,
    ...(online && { online }),
    cost: ({ compression: at }) => cost(at),
    evaluate: due(config.evaluate.every, 'evaluate.every'),
    save: due(config.checkpoint.every, 'checkpoint.every'),
    logEvery: config.log.every.steps,
    totalSteps,
    clock: (step) =>
      stepContextAt(step, {
        totalSteps: totalSteps(step),
        globalBatchSize,
        datasetSize,
        progress: budget.progress,
        ...schedules,
      }),
  };
}

/** How sequences are shortened over the run; undefined: never, or as the run chooses. */
function compressionOf({ compression }: RunConfig, { model: { image } }: PlanContext) {
  if (!compression || compression.online) return undefined;
  refuseResNet(image);
  return compressionSchedule(compression, image);
}

/** Steps after which second moments are worth weighing a gradient by. */
export const MOMENT_STEPS = 10;

interface OnlinePlanContext extends PlanContext {
  budget: Budget;
  cost: Course['cost'];
  rateShare: Schedule;
}

/** What chooses the compression of a run that does so itself. */
function onlineOf(
  { compression, method, optimizer, stepTimes, batch: { globalBatchSize } }: RunConfig,
  { model, budget, cost, rateShare }: OnlinePlanContext,
): OnlineCompression | undefined {
  if (!compression?.online) return undefined;
  const grid = candidatesOf(compression.online, { method, model });
  const { overhead, gradientCompute } = compression.online;
  const firstStep = scaleOf(compression.online, optimizer) === 'adam' ? MOMENT_STEPS : 0;
  const secondsOf = stepTimes && ((strategy: Compression) => cost(strategy).seconds!);
  return new OnlineCompression({
    ...{ budget, grid, globalBatchSize, overhead, firstStep, gradientCompute, rateShare },
    ...(secondsOf && { secondsOf }),
  });
}

/** A config with its compression in full: a run's numbers must not follow a file that changes. What an online run may choose stays so. */
export function withStages(config: RunConfig, model: AnyModelSpec): RunConfig {
  const { compression, method, optimizer } = config;
  const { image } = model;
  if (!compression || image.type === 'resnet') return config;
  if (!compression.online)
    return { ...config, compression: { stages: compressionStages(compression, image) } };
  const grid = candidatesOf(compression.online, { method, model });
  return { ...config, compression: { online: withOnlineDefaults(compression.online, { grid, optimizer }) } };
}

/** How many whole shares have gone by. */
const timesIn = (progress: number, { share }: { share: number }) => Math.floor(progress / share + 1e-9);

function costOf({ batch, method, stepTimes }: RunConfig, { model }: PlanContext) {
  const definition = findMethod(method.name);
  const whole = wholeSequence(model);
  return (compression: Compression = whole): StepCost => ({
    steps: 1,
    forwards: definition.cost({ options: method, model, compression }) * batch.globalBatchSize,
    ...(stepTimes && { seconds: secondsOf(compression, stepTimes, { ownPatchSize: whole.patchSize }) }),
  });
}

/** The sequence that a model makes of its own patches. */
const wholeSequence = ({ image }: AnyModelSpec): Compression => ({
  tokenDropout: 0,
  patchSize: 'patchSize' in image ? image.patchSize : 1,
});

interface Course {
  cost: (compression?: Compression) => StepCost;
  compression?: (progress: number) => Compression;
}

function budgetOf(
  { duration }: RunConfig,
  { steps, cost, compression }: Course & { steps: (duration: Duration, path: string) => number },
): Budget {
  const { forwards, seconds } = cost(compression?.(0));
  if ('seconds' in duration) {
    if (seconds !== undefined && seconds > duration.seconds)
      throw new CoupletError(
        `duration is { seconds: ${duration.seconds} }, less than one step, which takes ${seconds} by stepTimes: give more.`,
      );
    return new Budget('seconds', duration.seconds);
  }
  if (!('forwards' in duration)) return new Budget('steps', steps(duration, 'duration'));
  if (forwards > duration.forwards)
    throw new CoupletError(
      `duration is { forwards: ${duration.forwards} }, less than one step, which costs ${forwards}: give more, or a smaller batch.globalBatchSize.`,
    );
  return new Budget('forwards', duration.forwards);
}

function totalStepsOf(budget: Budget, { cost, compression }: Course): number | undefined {
  const { unit, total } = budget;
  if (unit === 'steps') return total;
  if (unit === 'seconds' && cost(compression?.(0)).seconds === undefined) return undefined;
  return stepsWithin(budget, (progress) => ({ seconds: 0, ...cost(compression?.(progress)) }));
}

/** The learning rate, and its share of the peak: 1 until a warm-up is over. */
function ratesOf(
  {
    duration,
    compression: { online } = {},
    optimizer: { peakLr },
    schedule: { warmup, shape, power, finalLr },
  }: RunConfig,
  { totalSteps, steps }: { totalSteps: number | undefined; steps: (duration: Duration) => number },
): { lr: Schedule; share: Schedule } {
  const bodies = {
    cosine: cosine(peakLr, finalLr),
    polynomial: polynomial(peakLr, finalLr, power),
    constant: () => peakLr,
  };
  const total = totalSteps ?? Infinity;
  const share = warmupShare();
  const after = afterWarmup(bodies[shape], share);
  return {
    lr: withWarmup(bodies[shape], { peak: peakLr, warmup: share, tick: 1 / total }),
    share: (progress) => after(progress) / peakLr,
  };

  function warmupShare(): number {
    if ('share' in warmup) return warmup.share;
    const count = steps(warmup);
    if (count > 0 && totalSteps === undefined)
      throw new CoupletError(
        `schedule.warmup is in steps, but nobody knows how many there are in a duration of ${'seconds' in duration ? 'seconds' : 'forwards'}${online ? ' with compression.online' : ''}: use { share: 0.05 }.`,
      );
    return count / total;
  }
}

/** Half a cosine to schedule.finalWeightDecay, where there is one (DINO, Caron et al. 2021). */
function weightDecayOf({ optimizer, schedule }: RunConfig): { weightDecay?: Schedule } {
  if (schedule.finalWeightDecay === undefined) return {};
  if (optimizer.weightDecay === 0)
    throw new CoupletError(
      'schedule.finalWeightDecay needs an optimizer.weightDecay above 0 to start from: set one, or leave it out.',
    );
  return { weightDecay: cosine(optimizer.weightDecay, schedule.finalWeightDecay) };
}
