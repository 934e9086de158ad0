import { type Compression, secondsOf } from '../compress/index.ts';
import type { Duration, RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { Budget, type StepCost, stepsWithin } from '../time/budget.ts';
import type { ResolvedConfig } from './resolve.ts';

/** The cost of one step with a compression; by default on whole sequences. */
export type CostOfStep = (compression?: Compression) => StepCost;

interface StepCosts {
  cost: CostOfStep;
  compression: ((progress: number) => Compression) | undefined;
}

export function costOfStep({
  config: { batch, method, stepTimes, data },
  model,
}: Pick<ResolvedConfig, 'config' | 'model'>): CostOfStep {
  const definition = findMethod(method.name);
  const whole = wholeSequence(model);
  const held = data.hold === 'features'; // the image tower does not run in a step
  return (compression = whole) => ({
    steps: 1,
    forwards: held ? 0 : definition.cost({ options: method, model, compression }) * batch.globalBatchSize,
    ...(stepTimes && { seconds: secondsOf(compression, stepTimes, { ownPatchSize: whole.patchSize }) }),
  });
}

const wholeSequence = ({ image }: AnyModelSpec): Compression => ({
  tokenDropout: 0,
  patchSize: 'patchSize' in image ? image.patchSize : 1,
});

/** Throws a CoupletError for a duration that pays for no step. */
export function budgetOf(
  { duration }: RunConfig,
  { cost, compression, toSteps }: StepCosts & { toSteps: (duration: Duration) => number },
): Budget {
  const { forwards, seconds } = cost(compression?.(0));
  if ('seconds' in duration) {
    if (seconds !== undefined && seconds > duration.seconds)
      throw new CoupletError(
        `duration is { seconds: ${duration.seconds} }, less than one step, which takes ${seconds} by stepTimes: give more.`,
      );
    return new Budget('seconds', duration.seconds);
  }
  if (!('forwards' in duration)) return new Budget('steps', toSteps(duration));
  if (forwards > duration.forwards)
    throw new CoupletError(
      `duration is { forwards: ${duration.forwards} }, less than one step, which costs ${forwards}: give more, or a smaller batch.globalBatchSize.`,
    );
  return new Budget('forwards', duration.forwards);
}

/** They are counted one by one. */
const MOST_STEPS = 1e8;

/** undefined: the budget is in seconds, and the config has no `stepTimes`. */
export function stepsOf(budget: Budget, { cost, compression }: StepCosts): number | undefined {
  const { unit, total } = budget;
  if (unit === 'steps') return total;
  if (unit === 'seconds' && cost(compression?.(0)).seconds === undefined) return undefined;
  const first = { seconds: 0, ...cost(compression?.(0)) }[unit];
  if (total > MOST_STEPS * first)
    throw new CoupletError(
      `duration is { ${unit}: ${total} }, more than ${MOST_STEPS} steps, since one costs ${first}: give less.`,
    );
  return stepsWithin(budget, (progress) => ({ seconds: 0, ...cost(compression?.(progress)) }));
}
