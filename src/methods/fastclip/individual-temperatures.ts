import type { PerAnchor } from '../../losses/global-contrastive.ts';
import type { StepContext } from '../../time/clock.ts';
import type { Tensor } from '../../torch/index.ts';

/** One anchor's temperature and its Adam moments, [b] each. */
export interface TemperatureState {
  tau: Tensor;
  first: Tensor;
  second: Tensor;
}

export interface IndividualOptions {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  min: number;
  max: number;
}

/**
 * FastCLIP-v2's rule for a sample's own temperature (section 3): Adam whose betas are 0 in the first epoch, and whose step
 * count is the epoch, because a sample is seen once an epoch. Returns new tensors; the step that asked still uses the old tau.
 */
export function movedTemperatures(
  state: TemperatureState,
  gradient: Tensor,
  options: IndividualOptions & Pick<StepContext, 'epoch'>,
): TemperatureState {
  const epoch = Math.floor(options.epoch);
  const beta1 = epoch === 0 ? 0 : options.beta1;
  const beta2 = epoch === 0 ? 0 : options.beta2;
  const first = state.first.mul(beta1).add(gradient, 1 - beta1);
  const second = state.second.mul(beta2).add(gradient.mul(gradient), 1 - beta2);
  const update = first.div(1 - beta1 ** (epoch + 1)).div(
    second
      .div(1 - beta2 ** (epoch + 1))
      .sqrt()
      .add(options.eps),
  );
  return { tau: state.tau.add(update, -options.lr).clamp(options.min, options.max), first, second };
}

/** The columns of a sample table that hold both anchors' temperatures, and back. */
export const TEMPERATURE_COLUMNS = 6;

export function unpackTemperatures(columns: Tensor): Record<keyof PerAnchor, TemperatureState> {
  const at = (start: number): TemperatureState => ({
    tau: columns.select(0, start),
    first: columns.select(0, start + 1),
    second: columns.select(0, start + 2),
  });
  return { image: at(0), text: at(3) };
}
